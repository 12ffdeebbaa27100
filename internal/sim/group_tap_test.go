package sim

import (
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// groupTap turns what passes a member's proxy into steps of a trace. All partitions are of one topic.
type groupTap struct {
	trace *groupTrace
	begin time.Time
}

// see takes a request as it leaves (its answer is nil then) or an answer, and returns what is to be kept with the request.
func (g *groupTap) see(x *exchange) {
	switch x.key {
	case protocol.JoinGroup, protocol.SyncGroup, protocol.Heartbeat, protocol.ConsumerGroupHeartbeat, protocol.OffsetCommit, protocol.OffsetFetch:
	default:
		return
	}
	if x.answer == nil {
		if x.step = askedStep(x); x.step != nil {
			x.step.at = time.Since(g.begin)
			g.trace.take(x.step)
		}
		return
	}
	if x.step == nil {
		return
	}
	if s := answeredStep(x); s != nil {
		s.at, s.of, s.group, s.what = time.Since(g.begin), x.step, x.step.group, x.step.what
		if s.member == "" {
			s.member = x.step.member
		}
		g.trace.take(s)
	}
}

// decodeRequest reads a frame's body into m, a request.
func decodeRequest(x *exchange) protocol.Message {
	d := protocol.NewDecoder(append([]byte(nil), x.request...))
	var h protocol.RequestHeader
	m := x.key.NewRequest()
	if h.Decode(d) != nil || m.Decode(d, x.version) != nil {
		return nil
	}
	return m
}

func askedStep(x *exchange) *step {
	switch m := decodeRequest(x).(type) {
	case *protocol.JoinGroupRequest:
		return &step{group: m.GroupId, member: m.MemberId, what: joins}
	case *protocol.SyncGroupRequest:
		return &step{group: m.GroupId, member: m.MemberId, what: syncs, epoch: m.GenerationId}
	case *protocol.HeartbeatRequest:
		return &step{group: m.GroupId, member: m.MemberId, what: heartbeat, epoch: m.GenerationId}
	case *protocol.ConsumerGroupHeartbeatRequest:
		s := &step{group: m.GroupId, member: m.MemberId, what: beats, epoch: m.MemberEpoch, told: m.TopicPartitions != nil}
		for _, t := range m.TopicPartitions {
			s.partitions = append(s.partitions, t.Partitions...)
		}
		return s
	case *protocol.OffsetCommitRequest:
		s := &step{group: m.GroupId, member: m.MemberId, what: commits, epoch: m.GenerationIdOrMemberEpoch, offsets: map[int32]int64{}}
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				s.offsets[p.PartitionIndex] = p.CommittedOffset
			}
		}
		return s
	case *protocol.OffsetFetchRequest:
		if len(m.Groups) == 1 {
			return &step{group: m.Groups[0].GroupId, what: reads}
		}
		return &step{group: m.GroupId, what: reads}
	}
	return nil
}

func answeredStep(x *exchange) *step {
	d := protocol.NewDecoder(append([]byte(nil), x.answer...))
	if _, err := protocol.DecodeResponseHeader(d, x.key, x.version); err != nil {
		return nil
	}
	m := x.key.NewResponse()
	if m.Decode(d, x.version) != nil {
		return nil
	}
	switch m := m.(type) {
	case *protocol.JoinGroupResponse:
		return &step{member: m.MemberId, epoch: m.GenerationId, code: m.ErrorCode}
	case *protocol.SyncGroupResponse:
		s := &step{code: m.ErrorCode, epoch: x.step.epoch, told: true}
		s.partitions = classicAssignment(m.Assignment)
		return s
	case *protocol.HeartbeatResponse:
		return &step{code: m.ErrorCode, epoch: x.step.epoch}
	case *protocol.ConsumerGroupHeartbeatResponse:
		s := &step{code: m.ErrorCode, epoch: m.MemberEpoch, told: m.Assignment != nil}
		if m.Assignment != nil {
			for _, t := range m.Assignment.TopicPartitions {
				s.partitions = append(s.partitions, t.Partitions...)
			}
		}
		return s
	case *protocol.OffsetCommitResponse:
		return committedStep(x.step, m)
	case *protocol.OffsetFetchResponse:
		return readStep(m)
	}
	return nil
}

// classicAssignment are the partitions in what a leader assigned.
func classicAssignment(b []byte) (partitions []int32) {
	if len(b) < 2 {
		return nil
	}
	d := protocol.NewDecoder(append([]byte(nil), b...))
	version := d.Int16()
	var a protocol.ConsumerProtocolAssignment
	if a.Decode(d, min(version, 3)) != nil {
		return nil
	}
	for _, t := range a.AssignedPartitions {
		partitions = append(partitions, t.Partitions...)
	}
	return partitions
}

// committedStep has the offsets that were accepted.
func committedStep(rq *step, m *protocol.OffsetCommitResponse) *step {
	s := &step{epoch: rq.epoch, offsets: map[int32]int64{}}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 {
				s.offsets[p.PartitionIndex] = rq.offsets[p.PartitionIndex]
			} else {
				s.code = p.ErrorCode
			}
		}
	}
	if len(s.offsets) > 0 {
		s.code = 0
	}
	return s
}

func readStep(m *protocol.OffsetFetchResponse) *step {
	s := &step{offsets: map[int32]int64{}, code: m.ErrorCode}
	if len(m.Groups) == 1 {
		s.code = m.Groups[0].ErrorCode
		for _, t := range m.Groups[0].Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode == 0 {
					s.offsets[p.PartitionIndex] = p.CommittedOffset
				}
			}
		}
	}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 {
				s.offsets[p.PartitionIndex] = p.CommittedOffset
			}
		}
	}
	return s
}
