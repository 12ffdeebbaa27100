package metadata

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// model is the state of the cluster as the records themselves, each the last of its kind: what an image is compared with. It
// knows nothing of images.
type model struct {
	cluster       string
	topics        map[protocol.UUID]string
	partitions    map[string]protocol.PartitionRecord // by topic id and number
	brokers       map[int32]protocol.RegisterBrokerRecord
	configs       map[string]string
	features      map[string]int16
	featureWrites int64
	producerID    int64
	brokerEpoch   int64
}

func newModel() *model {
	return &model{
		topics: map[protocol.UUID]string{}, partitions: map[string]protocol.PartitionRecord{}, brokers: map[int32]protocol.RegisterBrokerRecord{},
		configs: map[string]string{}, features: map[string]int16{}, featureWrites: -1,
	}
}

func partitionKey(id protocol.UUID, n int32) string { return fmt.Sprintf("%v/%04d", id, n) }

func (m *model) apply(r Record) {
	switch r := r.(type) {
	case *protocol.ClusterRecord:
		m.cluster = r.ClusterId
	case *protocol.TopicRecord:
		m.topics[r.TopicId] = r.Name
	case *protocol.RemoveTopicRecord:
		maps.DeleteFunc(m.configs, func(k, _ string) bool {
			return len(k) > 2 && k[:2+len(m.topics[r.TopicId])+1] == "2/"+m.topics[r.TopicId]+"/"
		})
		maps.DeleteFunc(m.partitions, func(k string, _ protocol.PartitionRecord) bool {
			return strings.HasPrefix(k, fmt.Sprint(r.TopicId)+"/")
		})
		delete(m.topics, r.TopicId)
	case *protocol.PartitionRecord:
		m.partitions[partitionKey(r.TopicId, r.PartitionId)] = *r
	case *protocol.PartitionChangeRecord:
		m.change(r)
	case *protocol.RegisterBrokerRecord:
		m.brokers[r.BrokerId] = *r
		m.brokerEpoch = max(m.brokerEpoch, r.BrokerEpoch)
	case *protocol.BrokerRegistrationChangeRecord:
		m.changeBroker(r)
	case *protocol.UnregisterBrokerRecord:
		delete(m.brokers, r.BrokerId)
	case *protocol.ConfigRecord:
		key := fmt.Sprintf("%d/%s/%s", r.ResourceType, r.ResourceName, r.Name)
		if delete(m.configs, key); r.Value != nil {
			m.configs[key] = *r.Value
		}
	case *protocol.FeatureLevelRecord:
		m.featureWrites++
		if delete(m.features, r.Name); r.FeatureLevel != 0 {
			m.features[r.Name] = r.FeatureLevel
		}
	case *protocol.ProducerIdsRecord:
		m.producerID = max(m.producerID, r.NextProducerId)
	}
}

func (m *model) change(r *protocol.PartitionChangeRecord) {
	key := partitionKey(r.TopicId, r.PartitionId)
	p := m.partitions[key]
	p.PartitionEpoch++
	if r.Leader != -2 {
		p.Leader = r.Leader
		p.LeaderEpoch++
	}
	if r.LeaderRecoveryState != -1 {
		p.LeaderRecoveryState = r.LeaderRecoveryState
	}
	for _, f := range []struct {
		to   *[]int32
		from []int32
	}{
		{&p.Replicas, r.Replicas},
		{&p.Isr, r.Isr},
		{&p.EligibleLeaderReplicas, r.EligibleLeaderReplicas},
		{&p.LastKnownElr, r.LastKnownElr},
		{&p.AddingReplicas, r.AddingReplicas},
		{&p.RemovingReplicas, r.RemovingReplicas},
	} {
		if f.from != nil {
			*f.to = f.from
		}
	}
	if r.Directories != nil {
		p.Directories = r.Directories
	}
	m.partitions[key] = p
}

func (m *model) changeBroker(r *protocol.BrokerRegistrationChangeRecord) {
	b := m.brokers[r.BrokerId]
	if r.Fenced != 0 {
		b.Fenced = r.Fenced == 1
	}
	if r.InControlledShutdown == 1 {
		b.InControlledShutdown = true
	}
	if r.LogDirs != nil {
		b.LogDirs = r.LogDirs
	}
	if r.CordonedLogDirs != nil {
		b.CordonedLogDirs = r.CordonedLogDirs
	}
	m.brokers[r.BrokerId] = b
}

// lines are the model's state as text, one thing a line.
func (m *model) lines() []string {
	out := []string{
		fmt.Sprint("cluster ", m.cluster, " producers ", m.producerID, " brokers ", m.brokerEpoch), fmt.Sprint("features at ", m.featureWrites),
	}
	for id, name := range m.topics {
		out = append(out, fmt.Sprint("topic ", name, " ", id))
	}
	for key, p := range m.partitions {
		out = append(out, fmt.Sprint("partition ", key, p.Replicas, p.Isr, p.EligibleLeaderReplicas, p.LastKnownElr, p.AddingReplicas,
			p.RemovingReplicas, p.Directories, p.Leader, p.LeaderRecoveryState == 1, p.LeaderEpoch, p.PartitionEpoch))
	}
	for id, b := range m.brokers {
		out = append(out, fmt.Sprint("broker ", id, b.BrokerEpoch, b.IncarnationId, b.EndPoints, b.Features, rack(b.Rack), b.Fenced,
			b.InControlledShutdown, b.LogDirs, b.CordonedLogDirs))
	}
	for key, v := range m.configs {
		out = append(out, "config "+key+"="+v)
	}
	for name, level := range m.features {
		out = append(out, fmt.Sprint("feature ", name, " ", level))
	}
	slices.Sort(out)
	return out
}

func rack(r *string) string {
	if r == nil {
		return "none"
	}
	return *r
}

// imageLines are an image's state as the same text, by what it tells its users.
func imageLines(i *Image) []string {
	out := []string{
		fmt.Sprint("cluster ", i.ClusterID(), " producers ", i.NextProducerID(), " brokers ", i.LastBrokerEpoch()),
		fmt.Sprint("features at ", i.FeaturesEpoch()),
	}
	for t := range i.Topics() {
		out = append(out, fmt.Sprint("topic ", t.Name, " ", t.ID))
		for n, p := range t.Partitions {
			out = append(out, fmt.Sprint("partition ", partitionKey(t.ID, int32(n)), p.Replicas, p.ISR, p.ELR, p.LastKnownELR, p.Adding,
				p.Removing, p.Dirs, p.Leader, p.Recovering, p.LeaderEpoch, p.PartitionEpoch))
		}
	}
	for b := range i.Brokers() {
		var ends []protocol.RegisterBrokerRecordBrokerEndpoint
		for _, l := range b.Listeners {
			ends = append(ends, protocol.RegisterBrokerRecordBrokerEndpoint{Name: l.Name, Host: l.Host, Port: uint16(l.Port), SecurityProtocol: l.Protocol})
		}
		out = append(out, fmt.Sprint("broker ", b.ID, b.Epoch, b.Incarnation, ends, b.Features, rack(b.Rack), b.Fenced,
			b.InControlledShutdown, b.Dirs, b.Cordoned))
	}
	for res, c := range i.Configs() {
		for name, v := range c {
			out = append(out, fmt.Sprintf("config %d/%s/%s=%s", res.Type, res.Name, name, v))
		}
	}
	for name, level := range i.Features() {
		out = append(out, fmt.Sprint("feature ", name, " ", level))
	}
	slices.Sort(out)
	return out
}

func ids(t *rapid.T, name string) []int32 {
	return rapid.SliceOfN(rapid.Int32Range(1, 3), 0, 3).Draw(t, name)
}

// maybeIDs may be nil, which changes nothing.
func maybeIDs(t *rapid.T, name string) []int32 {
	if rapid.Bool().Draw(t, name+"?") {
		return nil
	}
	return append([]int32{}, ids(t, name)...)
}

func dirIDs(t *rapid.T, name string) (out []protocol.UUID) {
	for _, id := range ids(t, name) {
		out = append(out, protocol.UUID{byte(id)})
	}
	return out
}

func maybeDirs(t *rapid.T, name string) []protocol.UUID {
	if rapid.Bool().Draw(t, name+"?") {
		return nil
	}
	return append([]protocol.UUID{}, dirIDs(t, name)...)
}

func randomPartition(t *rapid.T, topic *Topic) Record {
	return &protocol.PartitionRecord{
		TopicId: topic.ID, PartitionId: rapid.Int32Range(0, int32(len(topic.Partitions))).Draw(t, "p"),
		Replicas: ids(t, "replicas"), Isr: ids(t, "isr"), RemovingReplicas: ids(t, "removing"), AddingReplicas: ids(t, "adding"),
		Leader: rapid.Int32Range(-1, 3).Draw(t, "leader"), LeaderRecoveryState: rapid.Int8Range(0, 1).Draw(t, "recovery"),
		LeaderEpoch: rapid.Int32Range(0, 9).Draw(t, "leader epoch"), PartitionEpoch: rapid.Int32Range(0, 9).Draw(t, "epoch"),
		Directories: dirIDs(t, "dirs"), EligibleLeaderReplicas: ids(t, "elr"), LastKnownElr: ids(t, "last elr"),
	}
}

func randomPartitionChange(t *rapid.T, topic *Topic) Record {
	return &protocol.PartitionChangeRecord{
		TopicId: topic.ID, PartitionId: rapid.Int32Range(0, int32(len(topic.Partitions)-1)).Draw(t, "p"),
		Leader: rapid.SampledFrom([]int32{-2, -1, 1, 2}).Draw(t, "leader"), LeaderRecoveryState: rapid.Int8Range(-1, 1).Draw(t, "recovery"),
		Isr: maybeIDs(t, "isr"), Replicas: maybeIDs(t, "replicas"), RemovingReplicas: maybeIDs(t, "removing"), AddingReplicas: maybeIDs(t, "adding"),
		EligibleLeaderReplicas: maybeIDs(t, "elr"), LastKnownElr: maybeIDs(t, "last elr"), Directories: maybeDirs(t, "dirs"),
	}
}

func randomBroker(t *rapid.T, img *Image) Record {
	r := &protocol.RegisterBrokerRecord{
		BrokerId: rapid.Int32Range(1, 3).Draw(t, "b"), BrokerEpoch: img.LastBrokerEpoch() + rapid.Int64Range(1, 3).Draw(t, "epoch"),
		IncarnationId: protocol.UUID{rapid.Byte().Draw(t, "incarnation")}, Fenced: rapid.Bool().Draw(t, "fenced"),
		InControlledShutdown: rapid.Bool().Draw(t, "leaves"), LogDirs: dirIDs(t, "dirs"), CordonedLogDirs: dirIDs(t, "cordoned"),
		EndPoints: []protocol.RegisterBrokerRecordBrokerEndpoint{{
			Name: "PLAINTEXT", Host: rapid.SampledFrom([]string{"h", "i"}).Draw(t, "host"), Port: rapid.Uint16().Draw(t, "port"),
			SecurityProtocol: rapid.Int16Range(0, 3).Draw(t, "protocol"),
		}},
	}
	if rapid.Bool().Draw(t, "rack?") {
		rack := rapid.SampledFrom([]string{"", "a"}).Draw(t, "rack")
		r.Rack = &rack
	}
	if rapid.Bool().Draw(t, "features?") {
		r.Features = []protocol.RegisterBrokerRecordBrokerFeature{{Name: "f", MinSupportedVersion: 1, MaxSupportedVersion: rapid.Int16Range(1, 3).Draw(t, "max")}}
	}
	return r
}

func randomBrokerChange(t *rapid.T, br *Broker) Record {
	if rapid.IntRange(0, 3).Draw(t, "unregister") == 0 {
		return &protocol.UnregisterBrokerRecord{BrokerId: int32(br.ID), BrokerEpoch: br.Epoch}
	}
	return &protocol.BrokerRegistrationChangeRecord{
		BrokerId: int32(br.ID), BrokerEpoch: br.Epoch, Fenced: rapid.Int8Range(-1, 1).Draw(t, "fenced"),
		InControlledShutdown: rapid.Int8Range(0, 1).Draw(t, "leaves"), LogDirs: maybeDirs(t, "dirs"), CordonedLogDirs: maybeDirs(t, "cordoned"),
	}
}

// TestImagesAreWhatTheModelSays, as records make them, and as their snapshots do.
func TestImagesAreWhatTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		img, m := Empty(), newModel()
		for range rapid.IntRange(1, 5).Draw(t, "batches") {
			before, beforeLines := img, m.lines()
			records := randomRecords(t, img)
			img = apply(t, img, records)
			for _, r := range records {
				m.apply(r)
			}
			same(t, "image", imageLines(img), m.lines())
			same(t, "snapshot", imageLines(apply(t, Empty(), slices.Collect(img.Records()))), m.lines())
			same(t, "image before", imageLines(before), beforeLines)
			if d := Diff(before, img); d.Empty() != slices.Equal(diffable(beforeLines), diffable(m.lines())) {
				t.Fatalf("Diff says %+v of\n%q\n%q", d, beforeLines, m.lines())
			}
		}
	})
}

// diffable leaves out the counters, of which nobody is told.
func diffable(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return l[:8] == "cluster " })
}

func same(t *rapid.T, what string, got, want []string) {
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n%q\nwant\n%q", what, got, want)
	}
}

// TestDiffSeesEveryField changes one field after the other of a broker and of a partition: a node that catches up by a
// snapshot is told of it.
func TestDiffSeesEveryField(t *testing.T) {
	id := TopicID{1}
	of := func(b Broker, p Partition) *Image {
		img := *Empty()
		img.brokers = img.brokers.Set(1, &b)
		topic := &Topic{Name: "t", ID: id, Partitions: []*Partition{&p}}
		img.topics, img.byID = img.topics.Set("t", topic), img.byID.Set(idKey(id), topic)
		return &img
	}
	broker, partition := Broker{ID: 1}, Partition{}
	if d := Diff(of(broker, partition), of(broker, partition)); !d.Empty() {
		t.Fatalf("of equal ones: %+v", d)
	}
	for f := range reflect.ValueOf(broker).NumField() {
		other := broker
		change := reflect.ValueOf(&other).Elem().Field(f)
		if name := reflect.TypeOf(broker).Field(f).Name; name != "ID" {
			change.Set(anotherValue(t, change.Type()))
			if d := Diff(of(broker, partition), of(other, partition)); len(d.ChangedBrokers) != 1 {
				t.Errorf("Broker.%s changed untold", name)
			}
		}
	}
	for f := range reflect.ValueOf(partition).NumField() {
		other := partition
		change := reflect.ValueOf(&other).Elem().Field(f)
		change.Set(anotherValue(t, change.Type()))
		if d := Diff(of(broker, partition), of(broker, other)); len(d.ChangedTopics) != 1 {
			t.Errorf("Partition.%s changed untold", reflect.TypeOf(partition).Field(f).Name)
		}
	}
}

// anotherValue is a value of a type that isn't its zero.
func anotherValue(t *testing.T, typ reflect.Type) reflect.Value {
	t.Helper()
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(typ, 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(typ.Elem()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Array:
		v.Index(0).SetUint(1)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	default:
		t.Fatalf("no other value of %v is known", typ)
	}
	return v
}
