//go:build differential

package interop

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// oddScenes send single random requests about groups and transactions that are there.
var oddScenes = []scene{
	{"odd-1", oddRequests}, {"odd-2", oddRequests}, {"odd-3", oddRequests}, {"odd-4", oddRequests}, {"odd-5", oddRequests},
}

// cast is who is there when random requests are sent.
type cast struct {
	*player
	member   *classicMember
	consumer *consumer
	producer *producer
	log      bool // the request is about a partition's log, so it must be of the scene's own partition
}

func oddRequests(p *player) {
	c := &cast{player: p, member: p.newMember(p.own("classic")), consumer: p.newConsumer(p.own("consumer")), producer: p.newProducer("t")}
	c.member.rebalance = 300
	c.member.stable()
	c.consumer.join("alpha")
	c.consumer.owns()
	c.producer.init()
	p.tell(p.commitOf(p.own("simple"), "alpha", 0, 3))
	for i := range 22 {
		key := coordinatorAPIs[(p.round*22+i+p.rnd.IntN(3))%len(coordinatorAPIs)]
		req := kmsg.RequestForKey(key)
		if d, ok := req.(interface{ Default() }); ok {
			d.Default()
		}
		anyVersion(p, req)
		c.log = key == int16(kmsg.WriteTxnMarkers) || key == int16(kmsg.DescribeProducers)
		c.fill(reflect.ValueOf(req).Elem(), "")
		p.tell(c.tamed(req))
	}
	p.readConsumers(c.consumer.group)
	p.tell(p.offsets(p.own("simple"), false))
	c.producer.settled()
}

// tamed takes out of a random request what has a scene of its own because it waits.
func (c *cast) tamed(req kmsg.Request) kmsg.Request {
	switch req := req.(type) {
	case *kmsg.JoinGroupRequest:
		// Joining as one more member waits for the one that is there, joining a new group never ends.
		if req.Group == c.member.group && req.MemberID == "" {
			req.MemberID = "nobody"
		}
		req.SessionTimeoutMillis = oneOf[int32](c.player, 30_000, 30_000, 50)
	case *kmsg.SyncGroupRequest:
		if req.Group == c.member.group && c.rnd.IntN(2) == 0 {
			req.ProtocolType, req.Protocol = nil, nil
		}
	}
	return req
}

func (c *cast) fill(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Struct:
		if d, ok := v.Addr().Interface().(interface{ Default() }); ok && name != "" {
			d.Default()
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Version" && f.Name != "UnknownTags" {
				c.fill(v.Field(i), f.Name)
			}
		}
	case reflect.Pointer:
		if c.rnd.IntN(2) == 0 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		c.fill(v.Elem(), name)
	case reflect.Slice:
		c.slice(v, name)
	case reflect.Array:
		reflect.Copy(v, reflect.ValueOf(c.topicID(oneOf(c.player, "alpha", "alpha", "beta", "missing"))))
	case reflect.String:
		v.SetString(c.string(name))
	case reflect.Bool:
		v.SetBool(c.rnd.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n, ok := c.number(name); ok {
			v.SetInt(n)
		}
	}
}

func (c *cast) slice(v reflect.Value, name string) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes(oneOf(c.player, subscription("alpha"), []byte{}, []byte{1, 2, 3}))
		return
	}
	n := oneOf(c.player, 0, 1, 1, 1, 1, 2)
	if n == 0 && c.rnd.IntN(2) == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		c.fill(v.Index(i), singular(name))
	}
}

func (c *cast) string(name string) string {
	odd := c.rnd.IntN(6) == 0
	switch name {
	case "Group", "CoordinatorKey":
		if odd {
			return oneOf(c.player, "", c.player.own("none"), "a b")
		}
		return oneOf(c.player, c.member.group, c.consumer.group, c.player.own("simple"))
	case "MemberID":
		if odd {
			return oneOf(c.player, "", "nobody")
		}
		return oneOf(c.player, c.member.id, c.consumer.id)
	case "Topic", "SubscribedTopicName":
		if c.log {
			return oneOf(c.player, c.ledger, c.ledger, "missing", "")
		}
		return oneOf(c.player, "alpha", "alpha", "beta", "missing", "")
	case "TransactionalID", "TransactionID":
		if odd {
			return oneOf(c.player, "", c.player.own("none"))
		}
		return c.producer.txn
	case "ProtocolType":
		return oneOf(c.player, "consumer", "consumer", "", "connect")
	case "Protocol", "Name":
		return oneOf(c.player, "range", "range", "roundrobin", "")
	case "ServerAssignor":
		return oneOf(c.player, "uniform", "range", "")
	case "SubscribedTopicRegex":
		return oneOf(c.player, "al.*", "(", "")
	case "TransactionalIDPattern":
		return oneOf(c.player, ".*", c.producer.txn, "(")
	case "StatesFilter", "StateFilter":
		return oneOf(c.player, "Stable", "Empty", "Ongoing", "x")
	case "TypesFilter":
		return oneOf(c.player, "classic", "consumer", "x")
	}
	return oneOf(c.player, "", "x")
}

func (c *cast) number(name string) (int64, bool) {
	pick := func(usual int64, others ...int64) (int64, bool) {
		if c.rnd.IntN(3) > 0 {
			return usual, true
		}
		return oneOf(c.player, others...), true
	}
	switch name {
	case "Partition":
		if c.log {
			return pick(int64(c.partition), 30_000, -1)
		}
		return pick(0, 1, 2, 9, -1)
	case "Generation", "MemberEpoch":
		return pick(int64(oneOf(c.player, c.member.generation, c.consumer.epoch)), -1, 0, 5, -2)
	case "ProducerID":
		return pick(c.producer.id, -1, 1<<41)
	case "ProducerEpoch":
		return pick(int64(c.producer.epoch), -1, 5)
	case "SessionTimeoutMillis":
		return pick(30_000, 50, 0)
	case "RebalanceTimeoutMillis":
		return pick(500, -1, 0)
	case "TransactionTimeoutMillis":
		return pick(60_000, 0, -1, 1_000_000)
	case "CoordinatorType":
		return pick(0, 1, 2, 3)
	case "Offset":
		return pick(int64(c.rnd.IntN(100)), -1, -2, 0)
	case "LeaderEpoch":
		return pick(-1, 0, 3)
	case "DurationFilterMillis":
		return pick(-1, 0, 1_000_000)
	case "CoordinatorEpoch":
		return pick(0, -1, 5)
	case "TransactionVersion":
		return pick(0, 1, 2)
	case "RetentionTimeMillis":
		return -1, true
	}
	return 0, false
}
