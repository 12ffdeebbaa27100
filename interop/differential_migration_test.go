//go:build differential

package interop

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumerExpired lets a consumer member's session end, by the shortest one that a group may have.
func consumerExpired(p *player) {
	c := p.newConsumer(p.own("g"))
	c.join("alpha")
	c.shortSession()
	until(p, p.consumerDescribing(c.group), func(r *kmsg.ConsumerGroupDescribeResponse) bool { return r.Groups[0].State == "Empty" })
	c.beat()
	p.tell(c.committing("alpha", 0, 1))
	p.readConsumers(c.group)
}

// consumerUpgrade makes a classic group a consumer group, and back.
func consumerUpgrade(p *player) {
	group := p.own("g")
	m := p.newMember(group)
	m.stable()
	p.tell(m.committing("alpha", 0, 5))
	c := p.newConsumer(group)
	if p.rnd.IntN(2) == 0 {
		m.leave()
		c.send(c.full("alpha"))
		p.readConsumers(group)
		c.owns()
		c.leave(-1)
		p.tell(p.describing(group))
		back := p.newMember(group)
		back.stable()
		p.readBack(group)
		return
	}
	c.send(c.full("alpha"))
	p.tell(p.consumerDescribing(group))
	m.beatUntilRebalance()
	m.join()
	p.tell(m.syncing(nil))
	c.beat()
	c.owns()
	m.beat()
	p.tell(p.consumerDescribing(group))
	p.tell(m.committing("alpha", 0, 6))
	c.leave(-1)
	p.tell(p.describing(group))
	m.beat()
	p.readBack(group)
}

// consumerMixed lets a classic member join a consumer group.
func consumerMixed(p *player) {
	c := p.newConsumer(p.own("g"))
	c.send(c.full("alpha"))
	c.owns()
	m := p.newMember(c.group)
	switch p.rnd.IntN(4) {
	case 0:
		m.protocols = protocolsOf([]byte{1, 2}, "range")
	case 1:
		m.protocols = protocolsOf(subscription("alpha", "beta"), "other")
	}
	m.join()
	p.tell(m.syncing(nil))
	m.beat()
	c.beat()
	c.owns()
	m.beat()
	m.join()
	p.tell(m.syncing(nil))
	p.tell(m.committing("alpha", 0, 3))
	wrong := *m
	wrong.generation++
	wrong.beat()
	p.tell(wrong.committing("alpha", 0, 3))
	p.tell(wrong.syncing(nil))
	p.readConsumers(c.group)
	m.leave()
	c.beat()
	p.readConsumers(c.group)
}

// consumerTypes speaks one protocol to a group of the other.
func consumerTypes(p *player) {
	classic, simple := p.newMember(p.own("connect")), p.own("simple")
	req := classic.joining()
	req.ProtocolType = "connect"
	at(p, req, 1, 3)
	classic.joined(ask[*kmsg.JoinGroupResponse](p, req))
	p.tell(p.commitOf(simple, "alpha", 0, 1))
	for _, group := range []string{classic.group, simple, p.own("none")} {
		c := p.newConsumer(group)
		c.epoch = oneOf[int32](p, 1, -1)
		c.beat()
		c.epoch = 0
		c.send(c.full("alpha"))
		p.tell(p.consumerDescribing(group))
	}
	consumer := p.newConsumer(p.own("consumer"))
	consumer.join("beta")
	m := p.newMember(consumer.group)
	wrong := m.joining()
	wrong.ProtocolType = oneOf(p, "connect", "")
	p.tell(wrong)
	m.id, m.generation = "nobody", 1
	m.beat()
	p.tell(m.syncing(nil))
	m.leave()
	m.id, m.generation = consumer.id, consumer.epoch
	m.leave()
	p.readConsumers(consumer.group)
}
