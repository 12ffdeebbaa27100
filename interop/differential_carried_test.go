//go:build differential

package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// carried names what one broker has made in one scene, in the order in which it was first answered,
// so that the scenes of two brokers can be compared.
type carried struct {
	members   map[string]string
	producers map[int64]string
}

func newCarried() *carried {
	return &carried{members: map[string]string{"": ""}, producers: map[int64]string{}}
}

// learn names the ids that an answer gives out.
func (c *carried) learn(resp kmsg.Response) {
	switch resp := resp.(type) {
	case *kmsg.JoinGroupResponse:
		c.member(resp.MemberID)
	case *kmsg.ConsumerGroupHeartbeatResponse:
		if resp.MemberID != nil {
			c.member(*resp.MemberID)
		}
	case *kmsg.InitProducerIDResponse:
		c.producer(resp.ProducerID)
	case *kmsg.EndTxnResponse:
		c.producer(resp.ProducerID)
	}
}

// madeIDs match the member ids that brokers make: a client id and a UUID, or a UUID in base64.
var madeIDs = regexp.MustCompile(`^(?:.*-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^[A-Za-z0-9_-]{22}$`)

func (c *carried) member(id string) {
	if _, known := c.members[id]; !known && madeIDs.MatchString(id) {
		c.members[id] = fmt.Sprintf("member %d", len(c.members))
	}
}

func (c *carried) producer(id int64) {
	if _, known := c.producers[id]; !known && id >= 0 {
		c.producers[id] = fmt.Sprintf("producer %d", len(c.producers)+1)
	}
}

// unmet says whether a broker has made this member's id, for somebody who has not been answered yet.
func (c *carried) unmet(id string) bool {
	_, known := c.members[id]
	return !known && madeIDs.MatchString(id)
}

func (c *carried) text(s string) string {
	if name, known := c.members[s]; known {
		return name
	}
	for id, name := range c.members {
		if id != "" && strings.HasPrefix(s, id) {
			return name + " and " + s[len(id):]
		}
	}
	return s
}

func (c *carried) producerName(id int64) string {
	if name, known := c.producers[id]; known {
		return name
	}
	if id >= 0 && id < 1<<40 {
		return fmt.Sprintf("producer id %d that was not given out", id)
	}
	return fmt.Sprint(id)
}

// flattenCarried is flatten for an answer of a scene.
func flattenCarried(s *side, c *carried, resp kmsg.Response) map[string]string {
	n := normalizer{s: s, api: kmsg.NameForKey(resp.Key()), carried: c}
	out := map[string]string{}
	flattenInto(out, "", n.value(reflect.ValueOf(resp).Elem(), ""))
	return out
}

// carriedScalar normalizes what differs between brokers in a scene; false leaves it to the rules for
// all answers.
func (n normalizer) carriedScalar(v reflect.Value, name string) (any, bool) {
	switch {
	case v.Kind() == reflect.String && (name == "MemberID" || name == "LeaderID") && n.carried.unmet(v.String()):
		return "a member not met yet", true // it is named when it gets its own answer
	case v.Kind() == reflect.String:
		return n.carried.text(v.String()), name != "Host"
	case name == "ProducerID":
		return n.carried.producerName(v.Int()), true
	case (name == "StartTimestamp" || name == "LogAppendTime" || name == "LastTimestamp") && v.Int() > 0:
		return "time", true
	}
	return nil, false
}

// facts describes a stored batch of a scene by its producer and its records: a checksum of the whole
// batch covers a producer id.
func (c *carried) facts(b *wire.Stored) string {
	attributes := binary.BigEndian.Uint16(b.Bytes[21:])
	epoch := int16(binary.BigEndian.Uint16(b.Bytes[51:]))
	sequence := int32(binary.BigEndian.Uint32(b.Bytes[53:]))
	return fmt.Sprintf("to %d, %d records, attributes %d, %s epoch %d sequence %d, records %08x", b.LastOffset, b.Records,
		attributes, c.producerName(b.ProducerID), epoch, sequence, crc32.ChecksumIEEE(b.Bytes[57:]))
}

// sortedAssignment puts the topics of a consumer's assignment in order: where a coordinator writes one
// for a classic member, their order is that of a hash table. Other bytes stay as they are.
func sortedAssignment(p []byte) []byte {
	a := kmsg.NewConsumerMemberAssignment()
	if a.ReadFrom(p) != nil || !bytes.Equal(a.AppendTo(nil), p) {
		return p
	}
	slices.SortFunc(a.Topics, func(a, b kmsg.ConsumerMemberAssignmentTopic) int { return strings.Compare(a.Topic, b.Topic) })
	return a.AppendTo(nil)
}
