package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// The keys of the internal topic that G2 loads: each of the groups has committed offsets of so many
// partitions.
const (
	logGroups     = 100
	logTopics     = 10
	logPartitions = 100 // per topic
	logBatch      = 250 // records per batch; a busy coordinator writes about as many at once
	logVariants   = 4
)

const offsetsTopic = "__consumer_offsets"

// offsetsLog is __consumer_offsets as years of commits without a cleaner would leave it: in each
// round every key is committed once more. A round is a list of produce requests made in advance, and
// the last round alone has the offsets that count.
type offsetsLog struct {
	rounds [logVariants][][]byte
	bytes  [logVariants]int64 // of a round's batches
	parts  int32
	groups []string
}

// lastRound is the variant that is sent at the end; the others take turns before it.
const lastRound = logVariants - 1

func newOffsetsLog(parts int32) *offsetsLog {
	l := &offsetsLog{parts: parts}
	for g := range logGroups {
		l.groups = append(l.groups, fmt.Sprintf("loading-group-%03d", g))
	}
	for v := range logVariants {
		l.rounds[v], l.bytes[v] = l.round(v)
	}
	return l
}

// wantOffset is what a partition's offset is in a round.
func wantOffset(variant int, partition int32) int64 {
	return int64(variant+1)*1_000_000 + int64(partition)
}

// round makes the requests of one round: each has at most one batch for every partition of the
// internal topic, as Produce wants it.
func (l *offsetsLog) round(variant int) (frames [][]byte, size int64) {
	waiting := make([][][]byte, l.parts)
	for _, g := range l.groups {
		at := partitionOf(g, l.parts)
		for _, b := range commitBatches(g, variant) {
			waiting[at] = append(waiting[at], b)
			size += int64(len(b))
		}
	}
	for {
		var req *kmsg.ProduceRequest
		for p := range waiting {
			if len(waiting[p]) == 0 {
				continue
			}
			one := wire.ProduceRequest(9, 1, offsetsTopic, int32(p), waiting[p][0])
			waiting[p] = waiting[p][1:]
			if req == nil {
				req = one
			} else {
				req.Topics[0].Partitions = append(req.Topics[0].Partitions, one.Topics[0].Partitions[0])
			}
		}
		if req == nil {
			return frames, size
		}
		frames = append(frames, adminFrame(req))
	}
}

// adminFrame makes a frame of the one client id whose records Kafka takes for internal topics.
func adminFrame(req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("__admin_client")).AppendRequest(nil, req, 0)
}

// commitBatches makes the batches of one commit of all of a group's partitions.
func commitBatches(group string, variant int) [][]byte {
	var batches [][]byte
	now := time.Now().UnixMilli()
	b := wire.Values(0, now)
	for i := range logTopics * logPartitions {
		b.Records = append(b.Records, commitRecord(group, fmt.Sprintf("loading-topic-%02d", i/logPartitions), int32(i%logPartitions), variant, now))
		if len(b.Records) == logBatch {
			batches = append(batches, b.Encode())
			b = wire.Values(0, now)
		}
	}
	return batches
}

func commitRecord(group, topic string, partition int32, variant int, now int64) kmsg.Record {
	key, value := kmsg.NewOffsetCommitKey(), kmsg.NewOffsetCommitValue()
	key.Version, key.Group, key.Topic, key.Partition = 1, group, topic, partition
	value.Version, value.Offset, value.LeaderEpoch, value.CommitTimestamp = 3, wantOffset(variant, partition), -1, now
	r := kmsg.NewRecord()
	r.Key, r.Value = key.AppendTo(nil), value.AppendTo(nil)
	return r
}

// partitionOf is Kafka's: the absolute value of the hash of a Java string.
func partitionOf(group string, parts int32) int32 {
	var h int32
	for _, c := range group { // ASCII
		h = 31*h + c
	}
	return max(h, -h, 0) % parts // the least number has no negative, and counts as 0
}

// write fills the internal topic with at least n bytes and returns how many records it sent.
func (l *offsetsLog) write(ctx context.Context, addr string, n int64) (records int64, err error) {
	c, err := wire.Dial(addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var frames [][]byte
	for sent, v := int64(0), 0; sent+l.bytes[lastRound] < n; v++ {
		frames = append(frames, l.rounds[v%lastRound]...)
		sent += l.bytes[v%lastRound]
		records += logGroups * logTopics * logPartitions
	}
	frames = append(frames, l.rounds[lastRound]...)
	return records + logGroups*logTopics*logPartitions, pipeline(ctx, c, len(frames), 5, func(i int) []byte { return frames[i] })
}
