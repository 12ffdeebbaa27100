//go:build differential

package interop

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumerScenes are those of groups whose coordinator assigns partitions (KIP-848).
var consumerScenes = []scene{
	{"consumer-life", consumerLife},
	{"consumer-epochs", consumerEpochs},
	{"consumer-odd", consumerOdd},
	{"consumer-regex", consumerRegex},
	{"consumer-two", consumerTwo},
	{"consumer-static", consumerStatic},
	{"consumer-offsets", consumerOffsets},
	{"consumer-full", consumerFull},
	{"consumer-enormous", consumerEnormous},
	{"consumer-expired", consumerExpired},
	{"upgrade", consumerUpgrade},
	{"mixed", consumerMixed},
	{"types", consumerTypes},
}

// consumer is a member of a consumer group as one player sees it.
type consumer struct {
	p         *player
	group, id string
	instance  *string
	epoch     int32
	owned     []kmsg.ConsumerGroupHeartbeatRequestTopic
	assignor  *string
}

// newConsumer makes a member that has not joined yet. From version 1 on members make their own ids:
// these are the same against both brokers.
func (p *player) newConsumer(group string) *consumer {
	var id [16]byte
	for i := range id {
		id[i] = byte(p.rnd.Uint32())
	}
	return &consumer{p: p, group: group, id: base64.RawURLEncoding.EncodeToString(id[:])}
}

// beating makes a heartbeat that changes nothing.
func (c *consumer) beating() *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = c.group, c.id, c.epoch, c.instance
	req.RebalanceTimeoutMillis = -1
	return anyVersion(c.p, req)
}

// full makes a heartbeat that says everything, as the first one does.
func (c *consumer) full(topics ...string) *kmsg.ConsumerGroupHeartbeatRequest {
	req := c.beating()
	req.RebalanceTimeoutMillis, req.SubscribedTopicNames, req.ServerAssignor = 8_000, topics, c.assignor
	req.Topics = c.owned
	if req.Topics == nil {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	return req
}

func (c *consumer) heard(resp *kmsg.ConsumerGroupHeartbeatResponse) *kmsg.ConsumerGroupHeartbeatResponse {
	if resp.ErrorCode != 0 {
		return resp
	}
	c.epoch = resp.MemberEpoch
	if resp.MemberID != nil {
		c.id = *resp.MemberID
	}
	if resp.Assignment != nil {
		c.owned = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for _, t := range resp.Assignment.Topics {
			o := kmsg.NewConsumerGroupHeartbeatRequestTopic()
			o.TopicID, o.Partitions = t.TopicID, t.Partitions
			c.owned = append(c.owned, o)
		}
	}
	return resp
}

func (c *consumer) send(req *kmsg.ConsumerGroupHeartbeatRequest) *kmsg.ConsumerGroupHeartbeatResponse {
	return c.heard(ask[*kmsg.ConsumerGroupHeartbeatResponse](c.p, req))
}

// join joins the group. At version 0 the broker makes the member's id, if the member has none.
func (c *consumer) join(topics ...string) {
	req := c.full(topics...)
	if req.Version == 0 && c.p.rnd.IntN(2) == 0 {
		req.MemberID = ""
	}
	c.send(req)
}

func (c *consumer) beat() { c.send(c.beating()) }

// owns tells the coordinator which partitions the member has.
func (c *consumer) owns() {
	req := c.beating()
	req.Topics = c.owned
	c.send(req)
}

// leave leaves at the epoch -1, or -2 for a static member that will be back.
func (c *consumer) leave(epoch int32) {
	req := c.beating()
	req.MemberEpoch = epoch
	c.p.tell(req)
}

func (p *player) consumerDescribing(groups ...string) *kmsg.ConsumerGroupDescribeRequest {
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = groups
	return anyVersion(p, req)
}

// readConsumers reads what a consumer group has come to.
func (p *player) readConsumers(group string) {
	p.tell(p.consumerDescribing(group))
	p.tell(p.offsets(group, false))
}

func consumerLife(p *player) {
	c := p.newConsumer(p.own("g"))
	c.assignor = oneOf(p, nil, kmsg.StringPtr("uniform"), kmsg.StringPtr("range"))
	c.join("alpha")
	c.owns()
	c.beat()
	p.tell(p.consumerDescribing(c.group))
	p.tell(c.committing("alpha", 1, 5))
	p.tell(p.offsets(c.group, true, "alpha"))
	more := c.beating()
	more.SubscribedTopicNames = []string{"alpha", "beta"}
	c.send(more)
	c.owns()
	p.tell(p.consumerDescribing(c.group))
	less := c.beating()
	less.SubscribedTopicNames = []string{"beta"}
	c.send(less)
	c.owns()
	c.beat()
	p.readConsumers(c.group)
	p.tell(p.describing(c.group))
	c.leave(-1)
	c.beat()
	p.readConsumers(c.group)
	p.tell(p.deleting(c.group))
	p.readConsumers(c.group)
}

// committing makes the member's commit of one offset.
func (c *consumer) committing(topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	req := c.p.commitOf(c.group, topic, partition, offset)
	req.MemberID, req.Generation, req.InstanceID = c.id, c.epoch, c.instance
	return req
}

// consumerEpochs heartbeats and commits with every epoch but the right one.
func consumerEpochs(p *player) {
	c := p.newConsumer(p.own("g"))
	c.join("alpha")
	c.owns()
	bump := c.beating()
	bump.SubscribedTopicNames = []string{"alpha", "gamma"}
	c.send(bump)
	for _, epoch := range []int32{c.epoch - 1, c.epoch + 1, c.epoch - 2, -3, 1000, -1 << 31} {
		other := *c
		other.epoch = epoch
		switch req := other.beating(); p.rnd.IntN(3) {
		case 0:
			p.tell(req)
		case 1:
			req.Topics = c.owned
			p.tell(req)
		default:
			p.tell(other.full("alpha"))
		}
		p.tell(other.committing("alpha", 0, 4))
		as := p.offsets(c.group, true, "alpha")
		as.Groups[0].MemberID, as.Groups[0].MemberEpoch = &c.id, epoch
		p.tell(at(p, as, 9, 10))
	}
	stranger := p.newConsumer(c.group)
	stranger.epoch = c.epoch
	stranger.beat()
	p.tell(stranger.committing("alpha", 0, 4))
	rejoin := *c
	rejoin.epoch = 0
	rejoin.send(rejoin.full("alpha", "gamma"))
	c.beat()
	p.readConsumers(c.group)
}

// consumerOdd sends heartbeats that are wrong in themselves.
func consumerOdd(p *player) {
	c := p.newConsumer(p.own("g"))
	spoil := []func(*kmsg.ConsumerGroupHeartbeatRequest){
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Group = oneOf(p, "", " ") },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberID = "" },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.RebalanceTimeoutMillis = oneOf[int32](p, -1, 0, -2) },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Topics = nil },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = nil },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{} },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.SubscribedTopicNames = []string{"missing", "", "bad/name", "alpha", "alpha"}
		},
		func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.ServerAssignor = kmsg.StringPtr(oneOf(p, "sticky", "", "Range"))
		},
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.InstanceID = kmsg.StringPtr("") },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.RackID = kmsg.StringPtr(oneOf(p, "", "rack-1")) },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberEpoch = oneOf[int32](p, -1, -2, -3, 5) },
		func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			t := kmsg.NewConsumerGroupHeartbeatRequestTopic()
			t.TopicID, t.Partitions = p.topicID(oneOf(p, "alpha", "missing")), []int32{0, 9, -1}
			r.Topics = append(r.Topics, t)
		},
		func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicRegex = kmsg.StringPtr("") },
	}
	for i, wrong := range spoil {
		one := p.newConsumer(p.own(fmt.Sprint("g", i)))
		req := one.full("alpha")
		wrong(req)
		p.tell(req)
		p.tell(p.consumerDescribing(one.group))
	}
	c.join("alpha")
	for range 4 {
		req := c.beating()
		spoil[2+p.rnd.IntN(len(spoil)-2)](req)
		p.tell(req)
	}
	p.readConsumers(c.group)
}

// consumerRegex subscribes by regular expressions, good ones and bad ones.
func consumerRegex(p *player) {
	for i, regex := range []string{
		"alpha|beta", "al.*", "^gamma$", ".*nothing.*", "(", "[a-", "(a+)+$", "(?=alpha)a.*", `\p{L}lpha`, "a{1,5000}", "", "(?i)ALPHA",
	} {
		c := p.newConsumer(p.own(fmt.Sprint("g", i)))
		req := c.full()
		req.Version, req.SubscribedTopicNames, req.SubscribedTopicRegex = 1, nil, &regex
		if i > 2 && p.rnd.IntN(4) == 0 {
			req.SubscribedTopicNames = []string{"delta"}
		}
		resp := c.send(req)
		if resp.ErrorCode != 0 || i > 2 {
			continue
		}
		until(p, c.beating(), func(r *kmsg.ConsumerGroupHeartbeatResponse) bool {
			c.heard(r)
			return len(c.owned) > 0
		})
		c.owns()
		p.tell(at(p, p.consumerDescribing(c.group), 1, 1))
		change := c.beating()
		change.Version, change.SubscribedTopicRegex = 1, kmsg.StringPtr(oneOf(p, "", "bet.", "["))
		c.send(change)
	}
}

// consumerTwo moves partitions from one member to another.
func consumerTwo(p *player) {
	a, b := p.newConsumer(p.own("g")), p.newConsumer(p.own("g"))
	a.assignor = oneOf(p, kmsg.StringPtr("uniform"), kmsg.StringPtr("range"))
	b.assignor = a.assignor
	a.send(a.full("alpha"))
	a.owns()
	b.send(b.full("alpha"))
	p.tell(p.consumerDescribing(a.group))
	b.beat()
	a.beat()
	p.tell(b.committing("alpha", 0, 2))
	p.tell(a.committing("alpha", 0, 3))
	a.owns()
	p.tell(p.consumerDescribing(a.group))
	b.beat()
	b.owns()
	a.beat()
	p.readConsumers(a.group)
	oneOf(p, a, b).leave(-1)
	a.beat()
	b.beat()
	a.beat()
	b.beat()
	p.readConsumers(a.group)
}

// consumerStatic lets static members go for a while, come back and be fenced.
func consumerStatic(p *player) {
	a := p.newConsumer(p.own("g"))
	a.instance = kmsg.StringPtr("one")
	a.send(a.full("alpha"))
	a.owns()
	twin := p.newConsumer(a.group)
	twin.instance = a.instance
	twin.send(twin.full("alpha"))
	wrong := *a
	wrong.id = twin.id
	wrong.beat()
	p.tell(wrong.committing("alpha", 0, 1))
	noInstance := *a
	noInstance.instance = nil
	noInstance.beat()
	unknown := *a
	unknown.instance = kmsg.StringPtr("two")
	unknown.beat()
	p.tell(unknown.committing("alpha", 0, 1))
	p.tell(p.consumerDescribing(a.group))
	a.leave(-2)
	p.tell(p.consumerDescribing(a.group))
	a.beat()
	twin.send(twin.full("alpha"))
	twin.owns()
	a.beat()
	p.tell(a.committing("alpha", 0, 7))
	p.tell(twin.committing("alpha", 0, 8))
	p.readConsumers(a.group)
	dynamic := p.newConsumer(a.group)
	dynamic.leave(-2)
	twin.leave(oneOf[int32](p, -1, -2))
	p.readConsumers(a.group)
}

// consumerOffsets commits from within, from outside and from beside a consumer group.
func consumerOffsets(p *player) {
	c := p.newConsumer(p.own("g"))
	c.join("alpha")
	c.owns()
	for range 4 {
		p.tell(c.committing("alpha", oneOf[int32](p, 0, 1, 2, 3), oneOf[int64](p, 1, -1, 50)))
		p.tell(p.commitOf(c.group, "alpha", 0, 3))
		as := p.offsets(c.group, p.rnd.IntN(2) == 0, "alpha")
		as.Groups[0].MemberID, as.Groups[0].MemberEpoch = &c.id, c.epoch
		p.tell(at(p, as, 9, 10))
	}
	classic := p.newMember(c.group)
	classic.id, classic.generation = c.id, c.epoch
	classic.beat()
	p.tell(classic.syncing(nil))
	p.tell(p.offsetDeleting(c.group, "alpha", 0))
	p.tell(p.offsetDeleting(c.group, "beta", 0))
	c.leave(-1)
	p.tell(p.commitOf(c.group, "alpha", 0, 44))
	p.tell(p.offsetDeleting(c.group, "alpha", 1))
	p.readConsumers(c.group)
}

// consumerFull goes beyond group.consumer.max.size.
func consumerFull(p *player) {
	var last *consumer
	for range 5 {
		last = p.newConsumer(p.own("g"))
		last.send(last.full("alpha"))
	}
	last.beat()
	p.tell(p.consumerDescribing(last.group))
}

// consumerEnormous subscribes to up to a megabyte of topics that don't exist.
func consumerEnormous(p *player) {
	c := p.newConsumer(p.own("g"))
	for _, n := range []int{1000, 3500, 4400} {
		names := []string{"alpha"}
		for i := range n {
			names = append(names, fmt.Sprintf("%s-%d", strings.Repeat("t", 230), i))
		}
		c.send(c.full(names...))
		c.beat()
	}
	p.tell(p.consumerDescribing(c.group))
	c.leave(-1)
	long := p.newConsumer(p.own("long"))
	long.id = strings.Repeat("i", oneOf(p, 100, 5_000, 32_000))
	long.send(long.full("alpha"))
	p.tell(p.consumerDescribing(long.group))
}
