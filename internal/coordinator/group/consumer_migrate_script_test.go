package group

import (
	"context"
	"fmt"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// Commands of classic consumers, which have real subscriptions and assignments:
//
//	cjoin GROUP client=a [member=a-1] topics=x [owned=x:0,1] [protocols=range,sticky] [instance=i] [rebalance=30s] [session=10s]
//	csync GROUP member=a-1 generation=1 [instance=i] [assign=a-1=x:0,1|b-2=x:2,3]
func init() {
	commands["cjoin"] = (*rig).classicJoin
	commands["csync"] = (*rig).classicSync
}

func (r *rig) classicJoin(c command) string {
	s := &protocol.ConsumerProtocolSubscription{Topics: strings.Split(c.opt["topics"], ",")}
	for _, tp := range parseOwned(c.opt["owned"]) {
		s.OwnedPartitions = append(s.OwnedPartitions, protocol.ConsumerProtocolSubscriptionTopicPartition{Topic: topicName(tp.TopicId), Partitions: tp.Partitions})
	}
	e := protocol.NewEncoder()
	e.Int16(1)
	s.Encode(e, 1)
	rq := &protocol.JoinGroupRequest{
		GroupId: c.arg(1), MemberId: r.id(c.opt["member"]), GroupInstanceId: c.null("instance"), ProtocolType: "consumer",
		SessionTimeoutMs: c.millis("session", "10s"), RebalanceTimeoutMs: c.millis("rebalance", "30s"),
	}
	names := c.opt["protocols"]
	if names == "" {
		names = "range"
	}
	for name := range strings.SplitSeq(names, ",") {
		rq.Protocols = append(rq.Protocols, protocol.JoinGroupRequestProtocol{Name: name, Metadata: append([]byte(nil), e.Bytes()...)})
	}
	cl := Client{ID: c.opt["client"], Host: "/127.0.0.1", Version: 9}
	return r.later(func() string { return printJoin(cl.ID, r.c.JoinGroup(context.Background(), cl, rq)) })
}

func (r *rig) classicSync(c command) string {
	rq := &protocol.SyncGroupRequest{
		GroupId: c.arg(1), MemberId: r.id(c.opt["member"]), GenerationId: int32(c.num("generation", 0)), GroupInstanceId: c.null("instance"),
	}
	for w := range strings.SplitSeq(c.opt["assign"], "|") {
		member, partitions, ok := strings.Cut(w, "=")
		if !ok {
			continue
		}
		a := make(assignment)
		for _, tp := range parseOwned(partitions) {
			a[tp.TopicId] = tp.Partitions
		}
		b, err := classicAssignment(a, []byte{0, 1}, r.img.Load())
		if err != nil {
			r.t.Fatal(err)
		}
		rq.Assignments = append(rq.Assignments, protocol.SyncGroupRequestAssignment{MemberId: r.id(member), Assignment: b})
	}
	return r.later(func() string {
		resp := r.c.SyncGroup(context.Background(), rq)
		out := fmt.Sprintf("%s: sync %s", c.opt["member"], codeName(resp.ErrorCode))
		a, err := readClassicAssignment(resp.Assignment)
		if err != nil {
			return out + " " + err.Error()
		}
		have := make(assignment)
		for _, tp := range a.AssignedPartitions {
			have[topicID(tp.Topic)] = tp.Partitions
		}
		return out + " " + printAssignment(have)
	})
}
