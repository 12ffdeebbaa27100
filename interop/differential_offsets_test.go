//go:build differential

package interop

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetScenes commit, fetch and delete offsets.
var offsetScenes = []scene{
	{"commits", offsetCommits},
	{"odd-commits", offsetOddCommits},
	{"metadata", offsetMetadata},
	{"many-topics", offsetManyTopics},
	{"fetches", offsetFetches},
	{"offset-delete", offsetDeletes},
	{"offset-delete-subscribed", offsetDeletesSubscribed},
	{"no-group", offsetNoGroup},
}

// offsetCommits commits from outside any group, as a consumer that assigns itself does.
func offsetCommits(p *player) {
	group := p.own("g")
	for i := range 6 {
		p.tell(p.commitOf(group, oneOf(p, "alpha", "beta"), 0, int64(i*10)))
		p.tell(p.offsets(group, i%2 == 0, "alpha", "beta"))
	}
	p.readBack(group)
	p.tell(p.listing(nil, nil))
	p.tell(p.deleting(group))
	p.readBack(group)
}

// offsetOddCommits commits what is odd, of what does not exist, and as who is not there.
func offsetOddCommits(p *player) {
	group := p.own("g")
	for range 3 {
		p.tell(p.commitOf(group, oneOf(p, "missing", "", "bad/name", strings.Repeat("x", 250)), 0, 1))
		p.tell(p.commitOf(group, "alpha", oneOf[int32](p, 3, -1, 1<<31-1), 1))
		p.tell(p.commitOf(group, "alpha", 1, oneOf[int64](p, -1, -2, 1<<62, -1<<63, 0)))
		req := p.commitOf(group, "alpha", 2, 5)
		req.MemberID = oneOf(p, "", "nobody")
		req.Generation = oneOf[int32](p, -1, 0, 1, -2)
		p.tell(req)
		static := p.commitOf(group, "alpha", 2, 6)
		static.InstanceID = oneOf(p, kmsg.StringPtr("one"), kmsg.StringPtr(""))
		p.tell(at(p, static, 7, 10))
		retained := p.commitOf(group, "beta", 0, 7)
		retained.RetentionTimeMillis = oneOf[int64](p, 0, 100_000, -2)
		p.tell(at(p, retained, 2, 4))
		epoch := p.commitOf(group, "beta", 0, 8)
		epoch.Topics[0].Partitions[0].LeaderEpoch = oneOf[int32](p, -2, 1000, 1<<31-1)
		p.tell(at(p, epoch, 6, 10))
	}
	byID := p.commitOf(group, "alpha", 0, 9)
	byID.Topics[0].TopicID = oneOf(p, [16]byte{}, [16]byte{1, 2, 3})
	p.tell(at(p, byID, 10, 10))
	empty := p.commitOf(group, "alpha", 0, 9)
	empty.Topics[0].Partitions = nil
	p.tell(empty)
	none := p.commitOf(group, "alpha", 0, 9)
	none.Topics = nil
	p.tell(none)
	p.readBack(group)
}

func offsetMetadata(p *player) {
	group := p.own("g")
	for _, n := range []int{0, 100, 4096, 4097, 30_000} {
		req := p.commitOf(group, "alpha", oneOf[int32](p, 0, 1), int64(n))
		req.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(strings.Repeat("m", n))
		good := kmsg.NewOffsetCommitRequestTopicPartition()
		good.Partition, good.Offset = 2, int64(n)
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, good)
		p.tell(req)
	}
	words := p.commitOf(group, "beta", 0, 3)
	words.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(strings.Repeat("ü", oneOf(p, 2048, 2049, 4096, 4097)))
	p.tell(words)
	p.readBack(group)
}

// offsetManyTopics commits some hundred offsets in one request, good ones among bad ones, and the same
// partition twice.
func offsetManyTopics(p *player) {
	group := p.own("g")
	req := p.commitOf(group, "alpha", 0, 1)
	for i := range 150 {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic = oneOf(p, "alpha", "beta", "gamma", fmt.Sprint("missing-", i))
		t.TopicID = p.topicID(t.Topic)
		if t.TopicID[0] == 0xde {
			t.TopicID[15] = byte(i)
		}
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset = 0, int64(i)
		t.Partitions = append(t.Partitions, part)
		req.Topics = append(req.Topics, t)
	}
	p.tell(req)
	twice := p.commitOf(group, "alpha", 1, 5)
	twice.Topics[0].Partitions = append(twice.Topics[0].Partitions, twice.Topics[0].Partitions[0])
	twice.Topics[0].Partitions[1].Offset = 6
	p.tell(twice)
	p.readBack(group)
}

// offsetFetches reads in all the ways there are.
func offsetFetches(p *player) {
	group, other := p.own("g"), p.own("other")
	p.tell(p.commitOf(group, "alpha", 0, 11))
	p.tell(p.commitOf(group, "beta", 0, 12))
	p.tell(p.commitOf(other, "alpha", 2, 13))
	for range 3 {
		p.tell(p.offsets(oneOf(p, group, other, p.own("none"), ""), false, "alpha", "missing", "beta"))
		several := p.offsets(group, true, "alpha")
		for _, g := range []string{other, p.own("none"), group, ""} {
			more := p.offsets(g, false, oneOf(p, "alpha", "beta")).Groups[0]
			if p.rnd.IntN(3) == 0 {
				more.Topics = nil
			}
			several.Groups = append(several.Groups, more)
		}
		p.tell(at(p, several, 8, 10))
		asMember := p.offsets(group, true, "alpha")
		asMember.Groups[0].MemberID = oneOf(p, kmsg.StringPtr("nobody"), kmsg.StringPtr(""), nil)
		asMember.Groups[0].MemberEpoch = oneOf[int32](p, -1, 0, 5, -2)
		p.tell(at(p, asMember, 9, 10))
		byID := p.offsets(group, false, "alpha", "beta")
		byID.Groups[0].Topics[0].TopicID = oneOf(p, [16]byte{}, [16]byte{1, 2})
		p.tell(at(p, byID, 10, 10))
	}
	p.tell(at(p, p.offsets(group, false), 1, 1))
	none := p.offsets(group, false, "alpha")
	none.Topics, none.Groups[0].Topics = []kmsg.OffsetFetchRequestTopic{}, []kmsg.OffsetFetchRequestGroupTopic{}
	p.tell(anyVersion(p, none))
	nobody := p.offsets(group, false, "alpha")
	nobody.Groups = nil
	p.tell(at(p, nobody, 8, 10))
	odd := p.offsets(group, false, "alpha")
	odd.Topics[0].Partitions = []int32{-1, 7, 0, 0}
	odd.Groups[0].Topics[0].Partitions = odd.Topics[0].Partitions
	p.tell(anyVersion(p, odd))
}

func (p *player) offsetDeleting(group, topic string, partitions ...int32) *kmsg.OffsetDeleteRequest {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = group
	t := kmsg.NewOffsetDeleteRequestTopic()
	t.Topic = topic
	for _, n := range partitions {
		part := kmsg.NewOffsetDeleteRequestTopicPartition()
		part.Partition = n
		t.Partitions = append(t.Partitions, part)
	}
	req.Topics = append(req.Topics, t)
	return anyVersion(p, req)
}

func offsetDeletes(p *player) {
	group := p.own("g")
	for i := range 3 {
		p.tell(p.commitOf(group, "alpha", int32(i), 1))
	}
	p.tell(p.offsetDeleting(group, "alpha", 1, 7, -1))
	p.tell(p.offsetDeleting(group, oneOf(p, "missing", ""), 0))
	p.tell(p.offsetDeleting(oneOf(p, p.own("none"), ""), "alpha", 0))
	p.tell(p.offsetDeleting(group, "alpha"))
	p.readBack(group)
	p.tell(p.offsetDeleting(group, "alpha", 0, 2))
	p.readBack(group) // a group without members and offsets may be gone
	p.tell(p.offsetDeleting(group, "alpha", 0))
}

func offsetDeletesSubscribed(p *player) {
	m := p.newMember(p.own("g"))
	if p.rnd.IntN(3) == 0 {
		m.protocols = protocolsOf([]byte{0xff}, "range") // no consumer's metadata
	}
	m.stable()
	p.tell(m.committing("alpha", 0, 1))
	p.tell(m.committing("beta", 0, 2))
	p.tell(p.offsetDeleting(m.group, "alpha", 0))
	p.tell(p.offsetDeleting(m.group, "beta", 0))
	p.readBack(m.group)
	connect := p.newMember(p.own("connect"))
	req := connect.joining()
	req.ProtocolType = "connect"
	at(p, req, 1, 3)
	connect.joined(ask[*kmsg.JoinGroupResponse](p, req))
	p.tell(p.offsetDeleting(connect.group, "alpha", 0))
	m.leave()
	p.tell(p.offsetDeleting(m.group, "alpha", 0))
	p.readBack(m.group)
}

// offsetNoGroup commits to the group without a name, which only the oldest clients do.
func offsetNoGroup(p *player) {
	req := p.commitOf("", "ledger", 0, 5)
	req.Topics[0].Topic, req.Topics[0].TopicID = p.ledger, p.topicID(p.ledger)
	req.Topics[0].Partitions[0].Partition = p.partition
	req.Generation = oneOf[int32](p, -1, 0)
	p.tell(req)
	p.tell(p.offsets("", false, "alpha"))
	p.tell(p.offsetDeleting("", p.ledger, p.partition))
	m := p.newMember("")
	p.tell(m.joining())
	p.tell(m.syncing(nil))
	m.beat()
	m.leave()
	p.tell(p.describing(""))
	p.tell(p.deleting(""))
}
