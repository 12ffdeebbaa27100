package sim

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func (w *workload) createTopic() error {
	if len(w.m.topics) > 12 {
		return errNothing
	}
	w.ordinal++
	return w.create(fmt.Sprintf("u%d", w.ordinal), topicKinds[w.rnd.IntN(len(topicKinds))], 1+w.rnd.IntN(3))
}

// createOld makes a topic whose records' timestamps begin with 0 and then go up and down, in several steps: an index of times
// begins with zeros.
func (w *workload) createOld() error {
	if len(w.m.topics) > 12 {
		return errNothing
	}
	w.ordinal++
	name := fmt.Sprintf("old%d", w.ordinal)
	for _, ts := range []int64{0, 0, int64(w.rnd.IntN(1_000_000)), 5, 6, 7} {
		w.next = append(w.next, func() error {
			t := w.m.topics[name]
			e := logEntry{ts: ts, value: []byte(w.text(1500)), producer: -1, seq: -1, epoch: -1}
			return w.write(partition{name, 0}, t, t.parts[0], []logEntry{e}, nil, "", false)
		})
	}
	return w.create(name, map[string]string{"index.interval.bytes": "1000"}, 1)
}

// create makes a topic. All keep their records whatever their timestamps are.
func (w *workload) create(name string, configs map[string]string, partitions int) error {
	w.note("create topic %s with %d partitions: %v", name, partitions, configs)
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, int32(partitions), 1
	m := &topicModel{configs: map[string]string{"retention.ms": "-1"}}
	maps.Copy(m.configs, configs)
	for _, k := range slices.Sorted(maps.Keys(m.configs)) {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = k, ref(m.configs[k])
		t.Configs = append(t.Configs, c)
	}
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version, rq.TimeoutMillis, rq.Topics = 7, 15_000, append(rq.Topics, t)
	rs, err := ask[*kmsg.CreateTopicsResponse](w.s, rq)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	m.id = rs.Topics[0].TopicID
	w.m.topics[name] = m
	return w.addPartitions(name, partitions)
}

// addPartitions notes new partitions of a topic, with the leader epochs and directories that the broker tells.
func (w *workload) addPartitions(name string, count int) error {
	var leaders map[partition]int32
	for deadline := time.Now().Add(patience); ; {
		var err error
		if leaders, err = leaderEpochs(w.s); err != nil {
			return err
		}
		if _, found := leaders[partition{name, int32(count - 1)}]; found {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("topic %s isn't there after it was created", name)
		}
	}
	t := w.m.topics[name]
	for i := len(t.parts); i < count; i++ {
		t.parts = append(t.parts, newLogModel(leaders[partition{name, int32(i)}]))
	}
	return w.learnDirs()
}

// leaderEpochs asks for those of all partitions that have a leader.
func leaderEpochs(s *speaker) (map[partition]int32, error) {
	rq := kmsg.NewPtrMetadataRequest()
	rq.Version = 12
	rs, err := ask[*kmsg.MetadataResponse](s, rq)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	out := map[partition]int32{}
	for _, t := range rs.Topics {
		for _, p := range t.Partitions {
			out[partition{*t.Topic, p.Partition}] = p.LeaderEpoch
		}
	}
	return out, nil
}

// learnDirs notes where partitions lie that the model doesn't know the directory of: that is the broker's choice.
func (w *workload) learnDirs() error {
	o := &observer{s: w.s, d: newDump(), parts: map[partition]*observedLog{}}
	for name, t := range w.m.topics {
		for i := range t.parts {
			o.parts[partition{name, int32(i)}] = &observedLog{}
		}
	}
	for deadline := time.Now().Add(patience); ; {
		if err := o.dirs(); err != nil {
			return err
		}
		missing := false
		for name, t := range w.m.topics {
			for i, l := range t.parts {
				if l.dir == "" {
					l.dir = o.d.lines[fmt.Sprintf("log %s-%d dir", name, i)]
					missing = missing || l.dir == ""
				}
			}
		}
		if !missing {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("a new partition is in no directory")
		}
		o.d = newDump()
	}
}

// used says whether an open transaction has something to do with a topic.
func (m *model) used(name string) bool {
	for _, x := range m.txns {
		for tp := range x.parts {
			if tp.topic == name {
				return true
			}
		}
		for _, o := range x.pending {
			for tp := range o {
				if tp.topic == name {
					return true
				}
			}
		}
	}
	return false
}

func (w *workload) deleteTopic() error {
	name, _, err := w.topic()
	if err != nil || w.m.used(name) || len(w.m.topics) < 5 {
		return errNothing
	}
	return w.remove(name)
}

func (w *workload) remove(name string) error {
	w.note("delete topic %s", name)
	rq := kmsg.NewPtrDeleteTopicsRequest()
	rq.Version, rq.TopicNames, rq.TimeoutMillis = 5, []string{name}, 15_000
	if _, err := ask[*kmsg.DeleteTopicsResponse](w.s, rq); err != nil {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	delete(w.m.topics, name)
	for _, g := range w.m.groups {
		maps.DeleteFunc(g.offsets, func(tp partition, _ committed) bool { return tp.topic == name })
	}
	for _, p := range w.m.producers {
		maps.DeleteFunc(p.seq, func(tp partition, _ int32) bool { return tp.topic == name })
	}
	for _, x := range w.m.txns {
		maps.DeleteFunc(x.seq, func(tp partition, _ int32) bool { return tp.topic == name })
	}
	return w.awaitForgotten(name)
}

// awaitForgotten waits until no group has an offset of a deleted topic: that is done behind the answer.
func (w *workload) awaitForgotten(name string) error {
	for deadline := time.Now().Add(patience); ; {
		o := &observer{s: w.s, d: newDump(), parts: map[partition]*observedLog{}, ids: map[string]bool{}}
		if err := o.groups(); err != nil {
			return err
		}
		found := ""
		for line := range o.d.lines {
			if bytes.Contains([]byte(line), []byte(" offset "+name+"-")) {
				found = line
			}
		}
		if found == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is still there after the topic was deleted", found)
		}
	}
}

// recreateTopic deletes a topic, and the next step makes it again.
func (w *workload) recreateTopic() error {
	name, t, err := w.topic()
	if err != nil || w.m.used(name) {
		return errNothing
	}
	configs := maps.Clone(t.configs)
	w.next = append(w.next, func() error { return w.create(name, configs, 1+w.rnd.IntN(2)) })
	return w.remove(name)
}

func (w *workload) grow() error {
	name, t, err := w.topic()
	if err != nil || len(t.parts) > 4 {
		return errNothing
	}
	n := len(t.parts) + 1
	w.note("grow topic %s to %d partitions", name, n)
	p := kmsg.NewCreatePartitionsRequestTopic()
	p.Topic, p.Count = name, int32(n)
	rq := kmsg.NewPtrCreatePartitionsRequest()
	rq.Version, rq.TimeoutMillis, rq.Topics = 3, 15_000, append(rq.Topics, p)
	if _, err := ask[*kmsg.CreatePartitionsResponse](w.s, rq); err != nil {
		return fmt.Errorf("grow %s: %w", name, err)
	}
	return w.addPartitions(name, n)
}

func (w *workload) deleteRecords() error {
	tp, _, l, err := w.part()
	if err != nil || l.start == l.stable() {
		return errNothing
	}
	to := l.start + 1 + w.rnd.Int64N(l.stable()-l.start)
	w.note("delete records of %v before %d", tp, to)
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = tp.index, to
	t := kmsg.NewDeleteRecordsRequestTopic()
	t.Topic, t.Partitions = tp.topic, append(t.Partitions, p)
	rq := kmsg.NewPtrDeleteRecordsRequest()
	rq.Version, rq.TimeoutMillis, rq.Topics = 2, 15_000, append(rq.Topics, t)
	if w.m.topics[tp.topic].compacted() {
		return errNothing // refused: the policy isn't delete
	}
	rs, err := ask[*kmsg.DeleteRecordsResponse](w.s, rq)
	if err != nil {
		return fmt.Errorf("delete records of %v: %w", tp, err)
	}
	if low := rs.Topics[0].Partitions[0].LowWatermark; low != to {
		return fmt.Errorf("delete records of %v before %d: the log starts at %d", tp, to, low)
	}
	l.deleteBefore(to)
	return nil
}

// setTopicConfig sets a config of a topic, or takes it away.
func (w *workload) setTopicConfig() error {
	name, t, err := w.topic()
	if err != nil {
		return err
	}
	key := []string{"retention.bytes", "max.message.bytes", "delete.retention.ms", "flush.ms"}[w.rnd.IntN(4)]
	return w.alter(kmsg.ConfigResourceTypeTopic, name, t.configs, key)
}

// setConfig does so for a broker, all brokers, a group, or a client metrics subscription.
func (w *workload) setConfig() error {
	type target struct {
		kind kmsg.ConfigResourceType
		name string
		keys []string
	}
	to := []target{
		{kmsg.ConfigResourceTypeBroker, "1", []string{"message.max.bytes", "log.cleaner.io.buffer.size"}},
		{kmsg.ConfigResourceTypeBroker, "", []string{"message.max.bytes", "log.cleaner.io.buffer.size"}},
		{kmsg.ConfigResourceTypeGroupConfig, fmt.Sprint("simple-", w.rnd.IntN(3)), []string{"consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"}},
		{kmsg.ConfigResourceTypeClientMetrics, fmt.Sprint("metrics-", w.rnd.IntN(2)), []string{"interval.ms"}},
	}[w.rnd.IntN(4)]
	name := resourceNames[to.kind] + " " + to.name
	if w.m.configs[name] == nil {
		w.m.configs[name] = map[string]string{}
	}
	err := w.alter(to.kind, to.name, w.m.configs[name], to.keys[w.rnd.IntN(len(to.keys))])
	if len(w.m.configs[name]) == 0 {
		delete(w.m.configs, name)
	}
	return err
}

func (w *workload) alter(kind kmsg.ConfigResourceType, name string, configs map[string]string, key string) error {
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name = key
	if _, found := configs[key]; found && w.rnd.IntN(3) == 0 {
		c.Op = kmsg.IncrementalAlterConfigOpDelete
		delete(configs, key)
	} else {
		low := map[string]int{"consumer.session.timeout.ms": 45_000, "consumer.heartbeat.interval.ms": 5_000}[key]
		if low == 0 {
			low = 2 << 20
		}
		configs[key] = fmt.Sprint(low + w.rnd.IntN(10_000))
		c.Value = ref(configs[key])
	}
	w.note("config of %s %q: %s %q (%v)", resourceNames[kind], name, key, configs[key], c.Op)
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.Configs = kind, name, append(r.Configs, c)
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	rq.Version, rq.Resources = 1, append(rq.Resources, r)
	if _, err := ask[*kmsg.IncrementalAlterConfigsResponse](w.s, rq); err != nil {
		return fmt.Errorf("config %s of %s %q: %w", key, resourceNames[kind], name, err)
	}
	return nil
}

// compactionPatience is how long after a segment was closed its compaction may take: the cleaner runs all the time.
const compactionPatience = 5 * time.Second

// compact writes a key twice, closes the segment, and waits until readers don't see the first any longer, in several steps.
func (w *workload) compact() error {
	tp, t, l, err := w.part()
	if err != nil || !t.compacted() || len(l.open) > 0 {
		return errNothing
	}
	first := l.end
	for i, size := range []int{20, 20, 9_000, 9_000} {
		w.next = append(w.next, func() error {
			e := logEntry{ts: w.now, key: []byte("again"), value: []byte(w.text(size)), producer: -1, seq: -1, epoch: -1}
			if i >= 2 {
				e.key = fmt.Appendf(nil, "filler-%d", w.rnd.IntN(20))
			}
			return w.write(tp, t, l, []logEntry{e}, nil, "", false)
		})
	}
	w.next = append(w.next, func() error { return w.awaitCompaction(tp, first) })
	return nil
}

// awaitCompaction waits until readers don't see a record any longer.
func (w *workload) awaitCompaction(tp partition, first int64) error {
	w.note("wait for the compaction of %v at %d", tp, first)
	for deadline := time.Now().Add(compactionPatience); ; {
		rq := kmsg.NewPtrFetchRequest()
		rq.Version, rq.ReplicaID, rq.MaxBytes, rq.SessionEpoch = 12, -1, 64<<20, -1
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.LogStartOffset = tp.index, first, 1<<20, -1
		ft := kmsg.NewFetchRequestTopic()
		ft.Topic, ft.Partitions = tp.topic, append(ft.Partitions, p)
		rq.Topics = append(rq.Topics, ft)
		rs, err := ask[*kmsg.FetchResponse](w.s, rq)
		if err != nil {
			return fmt.Errorf("fetch of %v: %w", tp, err)
		}
		es, _, err := decodeEntries(rs.Topics[0].Partitions[0].RecordBatches)
		if err != nil {
			return err
		}
		if len(es) > 0 && !slices.ContainsFunc(es, func(e logEntry) bool { return e.offset == first }) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("readers of %v still see the record at %d, long after it could be compacted", tp, first)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// moved names the partitions that were moved since the last comparison.
func (w *workload) moved() (out []string) {
	for _, op := range w.ops {
		if rest, ok := strings.CutPrefix(op, "move "); ok {
			tp, _, _ := strings.Cut(rest, " ")
			out = append(out, tp)
		}
	}
	return out
}

// move moves a partition to the other log dir and waits until it is there.
func (w *workload) move() error {
	tp, _, l, err := w.part()
	if err != nil || !w.moves {
		return errNothing
	}
	to := map[string]string{"/data": "/more", "/more": "/data"}[l.dir]
	if to == "" {
		return errNothing
	}
	w.note("move %v to %s", tp, to)
	t := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
	t.Topic, t.Partitions = tp.topic, []int32{tp.index}
	d := kmsg.NewAlterReplicaLogDirsRequestDir()
	d.Dir, d.Topics = to, append(d.Topics, t)
	rq := kmsg.NewPtrAlterReplicaLogDirsRequest()
	rq.Version, rq.Dirs = 2, append(rq.Dirs, d)
	if _, err := ask[*kmsg.AlterReplicaLogDirsResponse](w.s, rq); err != nil {
		return fmt.Errorf("move %v to %s: %w", tp, to, err)
	}
	l.dir = to
	o := &observer{s: w.s, parts: map[partition]*observedLog{tp: {}}}
	for deadline := time.Now().Add(patience); ; {
		o.d = newDump()
		if err := o.dirs(); err != nil {
			return err
		}
		if len(o.d.lines) == 1 && o.d.lines[fmt.Sprintf("log %v dir", tp)] == to {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%v is not in %s: %v", tp, to, o.d.lines)
		}
	}
}
