package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// observer looks at a broker as clients can, and writes down all that it sees.
type observer struct {
	s     *speaker
	d     *dump
	tps   []partition
	parts map[partition]*observedLog
	ids   map[string]bool // of groups; true: consumer groups
}

// observedLog is what one partition showed.
type observedLog struct {
	epoch               int32
	start, high, stable int64
	next                int64 // to be read
	entries             []logEntry
	visible             map[int64]bool // to those who read committed records only
}

// observe takes everything observable. An answer that contradicts what was read a moment before is a problem only if the same
// is read again: the cleaner may have removed a record in between.
func observe(s *speaker) (*dump, error) {
	d, err := observeOnce(s)
	for range 5 {
		if err != nil || len(d.problems) == 0 {
			break
		}
		before := d
		if d, err = observeOnce(s); err == nil && maps.Equal(before.lines, d.lines) {
			return before, nil
		}
	}
	return d, err
}

// observeOnce leaves internal topics' own logs out: their contents show in other answers.
func observeOnce(s *speaker) (*dump, error) {
	o := &observer{s: s, d: newDump(), parts: map[partition]*observedLog{}, ids: map[string]bool{}}
	for _, step := range []func() error{o.coordinators, o.metadata, o.configs, o.logs, o.groups, o.features} {
		if err := step(); err != nil {
			return o.d, err
		}
	}
	return o.d, nil
}

func (o *observer) problem(format string, args ...any) {
	o.d.problems = append(o.d.problems, fmt.Sprintf(format, args...))
}

func (o *observer) metadata() error {
	rq := kmsg.NewPtrMetadataRequest()
	rq.Version = 12
	rs, err := ask[*kmsg.MetadataResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	o.d.lines["cluster"] = *rs.ClusterID
	for _, t := range rs.Topics {
		what := fmt.Sprintf("id %x, %d partitions", t.TopicID, len(t.Partitions))
		if t.IsInternal {
			o.d.extra["topic "+*t.Topic] = what
			continue
		}
		o.d.lines["topic "+*t.Topic] = what
		for _, p := range t.Partitions {
			tp := partition{*t.Topic, p.Partition}
			o.parts[tp] = &observedLog{epoch: p.LeaderEpoch, visible: map[int64]bool{}}
			o.tps = append(o.tps, tp)
			o.d.extra[fmt.Sprintf("log %v replicas", tp)] = fmt.Sprint(p.Leader, p.Replicas, p.ISR, p.OfflineReplicas)
		}
	}
	slices.SortFunc(o.tps, func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.index, b.index))
	})
	return nil
}

// logs reads all partitions and asks everything that can be asked about them.
func (o *observer) logs() error {
	for _, step := range []func() error{o.bounds, o.read, o.readCommitted, o.lookUp, o.leaderEpochs, o.activeProducers, o.dirs} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// listOffsets asks one thing of each partition for which asked has an answer.
func (o *observer) listOffsets(isolation int8, asked func(partition) (int64, bool), got func(partition, kmsg.ListOffsetsResponseTopicPartition)) error {
	rq := kmsg.NewPtrListOffsetsRequest()
	rq.Version, rq.ReplicaID, rq.IsolationLevel = 8, -1, isolation
	for _, tp := range o.tps {
		at, ok := asked(tp)
		if !ok {
			continue
		}
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = tp.index, at
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
		rq.Topics = append(rq.Topics, t)
	}
	if len(rq.Topics) == 0 {
		return nil
	}
	rs, err := ask[*kmsg.ListOffsetsResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("list offsets: %w", err)
	}
	for _, t := range rs.Topics {
		for _, p := range t.Partitions {
			got(partition{t.Topic, p.Partition}, p)
		}
	}
	return nil
}

// bounds asks where logs begin and end.
func (o *observer) bounds() error {
	for _, b := range []struct {
		at        int64
		isolation int8
		take      func(*observedLog, int64)
	}{
		{-2, 0, func(l *observedLog, n int64) { l.start, l.next = n, n }},
		{-1, 0, func(l *observedLog, n int64) { l.high = n }},
		{-1, 1, func(l *observedLog, n int64) { l.stable = n }},
	} {
		asked := func(partition) (int64, bool) { return b.at, true }
		if err := o.listOffsets(b.isolation, asked, func(tp partition, p kmsg.ListOffsetsResponseTopicPartition) { b.take(o.parts[tp], p.Offset) }); err != nil {
			return err
		}
	}
	for _, tp := range o.tps {
		l := o.parts[tp]
		o.d.lines[fmt.Sprintf("log %v bounds", tp)] = fmt.Sprintf("start %d, end %d, stable %d", l.start, l.high, l.stable)
	}
	asked := func(partition) (int64, bool) { return -4, true }
	return o.listOffsets(0, asked, func(tp partition, p kmsg.ListOffsetsResponseTopicPartition) {
		if l := o.parts[tp]; p.Offset != l.start {
			o.problem("%v: the local log starts at %d, the log at %d", tp, p.Offset, l.start)
		}
	})
}

// fetch reads on in all partitions that have something below limit.
func (o *observer) fetch(isolation int8, limit func(*observedLog) int64, got func(partition, *observedLog, []logEntry, *kmsg.FetchResponseTopicPartition)) error {
	for {
		rq := kmsg.NewPtrFetchRequest()
		rq.Version, rq.ReplicaID, rq.MaxBytes, rq.IsolationLevel, rq.SessionEpoch = 12, -1, 64<<20, isolation, -1
		for _, tp := range o.tps {
			l := o.parts[tp]
			if l.next >= limit(l) {
				continue
			}
			p := kmsg.NewFetchRequestTopicPartition()
			p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.LogStartOffset = tp.index, l.next, 1<<20, -1
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
			rq.Topics = append(rq.Topics, t)
		}
		if len(rq.Topics) == 0 {
			return nil
		}
		rs, err := ask[*kmsg.FetchResponse](o.s, rq)
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		for i := range rs.Topics {
			for j := range rs.Topics[i].Partitions {
				if err := o.fetched(partition{rs.Topics[i].Topic, rs.Topics[i].Partitions[j].Partition}, &rs.Topics[i].Partitions[j], got); err != nil {
					return err
				}
			}
		}
	}
}

func (o *observer) fetched(tp partition, p *kmsg.FetchResponseTopicPartition, got func(partition, *observedLog, []logEntry, *kmsg.FetchResponseTopicPartition)) error {
	l := o.parts[tp]
	if p.HighWatermark != l.high || p.LastStableOffset != l.stable || p.LogStartOffset != l.start {
		o.problem("%v: a fetch says start %d, end %d, stable %d", tp, p.LogStartOffset, p.HighWatermark, p.LastStableOffset)
	}
	es, next, err := decodeEntries(p.RecordBatches)
	if err != nil {
		return fmt.Errorf("%v at %d: %w", tp, l.next, err)
	}
	if next <= l.next {
		return fmt.Errorf("%v: a fetch at %d, below %d, goes to %d", tp, l.next, l.high, next)
	}
	es = slices.DeleteFunc(es, func(e logEntry) bool { return e.offset < l.next })
	l.next = next
	got(tp, l, es, p)
	return nil
}

// read takes all records of all logs.
func (o *observer) read() error {
	err := o.fetch(0, func(l *observedLog) int64 { return l.high }, func(tp partition, l *observedLog, es []logEntry, _ *kmsg.FetchResponseTopicPartition) {
		for i := range es {
			name := fmt.Sprintf("log %v @%08d", tp, es[i].offset)
			if n := len(l.entries); n > 0 && l.entries[n-1].offset >= es[i].offset {
				o.problem("%s comes after %d", name, l.entries[n-1].offset)
			}
			l.entries = append(l.entries, es[i])
			o.d.lines[name] = es[i].String()
			if es[i].control != 0 {
				o.d.extra[name] = fmt.Sprintf("marker of epoch %d at %d, value %x", es[i].epoch, es[i].ts, es[i].value)
			}
		}
	})
	for _, l := range o.parts {
		l.next = l.start
	}
	return err
}

// readCommitted does what a consumer does that reads committed records only.
func (o *observer) readCommitted() error {
	skip := map[partition]map[int64]bool{} // producers whose transaction was aborted
	return o.fetch(1, func(l *observedLog) int64 { return l.stable }, func(tp partition, l *observedLog, es []logEntry, p *kmsg.FetchResponseTopicPartition) {
		if skip[tp] == nil {
			skip[tp] = map[int64]bool{}
		}
		aborted := slices.Clone(p.AbortedTransactions)
		slices.SortFunc(aborted, func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
			return cmp.Compare(a.FirstOffset, b.FirstOffset)
		})
		for _, e := range es {
			for len(aborted) > 0 && aborted[0].FirstOffset <= e.offset {
				skip[tp][aborted[0].ProducerID] = true
				aborted = aborted[1:]
			}
			switch {
			case e.control == abortMarker:
				delete(skip[tp], e.producer)
			case e.control == commitMarker, e.txn && skip[tp][e.producer]:
			default:
				o.d.lines[fmt.Sprintf("log %v @%08d committed", tp, e.offset)] = "visible"
				l.visible[e.offset] = true
			}
		}
	})
}

// lookUp asks for offsets by time and compares the answers with what was read.
func (o *observer) lookUp() error {
	for column := range 6 {
		times := map[partition]int64{}
		asked := func(tp partition) (int64, bool) {
			at, ok := lookUpTime(o.parts[tp].entries, column)
			times[tp] = at
			return at, ok
		}
		for isolation := range int8(2) {
			if err := o.listOffsets(isolation, asked, func(tp partition, p kmsg.ListOffsetsResponseTopicPartition) {
				l := o.parts[tp]
				limit := []int64{l.high, l.stable}[isolation]
				if offset, ts := firstSince(l.entries, times[tp], limit); p.Offset != offset || p.Timestamp != ts {
					o.problem("%v, isolation %d: the first record since %d is at %d (%d), not at %d (%d)", tp, isolation, times[tp], offset, ts, p.Offset, p.Timestamp)
				}
			}); err != nil {
				return err
			}
		}
	}
	// Below the log's start Kafka still finds the largest timestamp of what was deleted.
	asked := func(partition) (int64, bool) { return -3, true }
	return o.listOffsets(0, asked, func(tp partition, p kmsg.ListOffsetsResponseTopicPartition) {
		l := o.parts[tp]
		if offset, ts := latest(l.entries); l.start == 0 && (p.Offset != offset || p.Timestamp != ts) {
			o.problem("%v: the largest timestamp is at %d (%d), not at %d (%d)", tp, offset, ts, p.Offset, p.Timestamp)
		}
	})
}

// lookUpTime is the time that one of six columns asks of a partition.
func lookUpTime(es []logEntry, column int) (int64, bool) {
	if len(es) == 0 {
		return 0, false
	}
	small, large := int64(math.MaxInt64), int64(math.MinInt64)
	for _, e := range es {
		small, large = min(small, e.ts), max(large, e.ts)
	}
	return max(0, []int64{0, small, small + 1, es[len(es)/2].ts, large, large + 1}[column]), true
}

func firstSince(es []logEntry, at, limit int64) (offset, ts int64) {
	for _, e := range es {
		if e.ts >= at && e.offset < limit {
			return e.offset, e.ts
		}
	}
	return -1, -1
}

func latest(es []logEntry) (offset, ts int64) {
	offset, ts = -1, -1
	for _, e := range es {
		if e.ts > ts {
			offset, ts = e.offset, e.ts
		}
	}
	return offset, ts
}

var errUnstable = errors.New("transactions are still being completed")

// coordinators waits until no transaction is on its way to be committed or aborted.
func (o *observer) coordinators() error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		rq := kmsg.NewPtrListTransactionsRequest()
		rq.Version = 1
		rs, err := ask[*kmsg.ListTransactionsResponse](o.s, rq)
		if err != nil {
			return fmt.Errorf("list transactions: %w", err)
		}
		found := map[string]string{}
		for _, x := range rs.TransactionStates {
			found[x.TransactionalID] = x.TransactionState
		}
		if !preparing(found) {
			return o.transactions(slices.Sorted(maps.Keys(found)))
		}
	}
	return errUnstable
}

func preparing(states map[string]string) bool {
	for _, s := range states {
		if strings.HasPrefix(s, "Prepare") {
			return true
		}
	}
	return false
}

// transactions describes them.
func (o *observer) transactions(names []string) error {
	if len(names) == 0 {
		return nil
	}
	rq := kmsg.NewPtrDescribeTransactionsRequest()
	rq.TransactionalIDs = names
	rs, err := ask[*kmsg.DescribeTransactionsResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("describe transactions: %w", err)
	}
	for _, x := range rs.TransactionStates {
		var parts []string
		for _, t := range x.Topics {
			for _, p := range t.Partitions {
				parts = append(parts, partition{t.Topic, p}.String())
			}
		}
		slices.Sort(parts)
		o.d.lines["txn "+x.TransactionalID] = fmt.Sprintf("%s, producer %d/%d, timeout %d, partitions %v", x.State, x.ProducerID, x.ProducerEpoch, x.TimeoutMillis, parts)
		o.d.extra["txn "+x.TransactionalID] = fmt.Sprint("began ", x.StartTimestamp)
	}
	return nil
}

var unstableCode = kerr.UnstableOffsetCommit.Code
