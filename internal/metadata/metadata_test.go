package metadata

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// randomRecords draws records that make sense on the image.
func randomRecords(t *rapid.T, img *Image) []Record {
	var out []Record
	for range rapid.IntRange(1, 6).Draw(t, "records") {
		out = append(out, randomRecord(t, img))
		next, _, err := img.Apply(out[len(out)-1:])
		if err != nil {
			t.Fatalf("%T: %v", out[len(out)-1], err)
		}
		img = next
	}
	return out
}

func randomRecord(t *rapid.T, img *Image) Record {
	topics := slices.Collect(img.Topics())
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if len(topics) == 0 && (kind == 1 || kind == 2 || kind == 3) {
		kind = 0
	}
	pick := func() *Topic { return topics[rapid.IntRange(0, len(topics)-1).Draw(t, "topic")] }
	switch kind {
	case 1:
		return randomPartition(t, pick())
	case 2:
		topic := pick()
		if len(topic.Partitions) == 0 {
			return &protocol.RemoveTopicRecord{TopicId: topic.ID}
		}
		return randomPartitionChange(t, topic)
	case 3:
		return &protocol.RemoveTopicRecord{TopicId: pick().ID}
	case 4:
		v := rapid.SampledFrom([]string{"1", "2", ""}).Draw(t, "value")
		r := &protocol.ConfigRecord{ResourceType: rapid.SampledFrom([]int8{2, 4}).Draw(t, "type"), ResourceName: rapid.SampledFrom([]string{"", "t1", "t2"}).Draw(t, "name"), Name: "retention.ms"}
		if v != "" {
			r.Value = &v
		}
		return r
	case 5:
		return randomBroker(t, img)
	case 6:
		if all := slices.Collect(img.Brokers()); len(all) > 0 {
			return randomBrokerChange(t, rapid.SampledFrom(all).Draw(t, "broker"))
		}
		return &protocol.ProducerIdsRecord{NextProducerId: 1000}
	case 7:
		return &protocol.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: rapid.Int16Range(0, 33).Draw(t, "level")}
	case 9:
		return &protocol.ClusterRecord{ClusterId: rapid.SampledFrom([]string{"c", "d"}).Draw(t, "cluster")}
	case 8:
		return &protocol.ProducerIdsRecord{NextProducerId: img.NextProducerID() + 1000}
	}
	n := rapid.IntRange(1, 1<<20).Draw(t, "id")
	for {
		name, id := fmt.Sprintf("t%d", n), protocol.UUID{byte(n), byte(n >> 8), byte(n >> 16), 1}
		if img.Topic(name) == nil && img.TopicByID(id) == nil {
			return &protocol.TopicRecord{Name: name, TopicId: id}
		}
		n++
	}
}

// view is everything an image says, in a form that can be compared.
func view(i *Image) map[string]any {
	out := map[string]any{
		"cluster": i.ClusterID(), "features": maps.Collect(i.Features()), "epoch": i.FeaturesEpoch(), "pid": i.NextProducerID(),
		"configs": maps.Collect(i.Configs()), "partitions": i.PartitionCount(),
	}
	for t := range i.Topics() {
		out["topic "+t.Name] = t
		if i.TopicByID(t.ID) != t || i.Topic(t.Name) != t {
			out["lost "+t.Name] = true
		}
	}
	for b := range i.Brokers() {
		out[fmt.Sprint("broker ", b.ID)] = b
	}
	return out
}

func normal(r Record) string { return fmt.Sprintf("%T%+v", r, r) }

func TestSnapshotMakesTheSameImage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		img := Empty()
		for range rapid.IntRange(1, 5).Draw(t, "batches") {
			img = apply(t, img, randomRecords(t, img))
		}
		again := apply(t, Empty(), slices.Collect(img.Records()))
		a, b := slices.Collect(img.Records()), slices.Collect(again.Records())
		if !slices.EqualFunc(a, b, func(x, y Record) bool { return reflect.DeepEqual(x, y) || normal(x) == normal(y) }) {
			t.Fatalf("snapshot differs:\n%v\n%v", view(img), view(again))
		}
		if d := Diff(img, again); !d.Empty() {
			t.Fatalf("Diff of equal images: %+v", d)
		}
	})
}

func TestApplyTellsWhatDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := Empty()
		before = apply(t, before, randomRecords(t, before))
		next, delta, err := before.Apply(randomRecords(t, before))
		if err != nil {
			t.Fatal(err)
		}
		want := Diff(before, next)
		if !reflect.DeepEqual(names(want.DeletedTopics), names(delta.DeletedTopics)) {
			t.Fatalf("deleted %v, Diff says %v", names(delta.DeletedTopics), names(want.DeletedTopics))
		}
		for _, topic := range want.ChangedTopics { // Apply may name one that was changed back
			if !slices.Contains(names(delta.ChangedTopics), topic.Name) {
				t.Fatalf("topic %s changed untold", topic.Name)
			}
		}
		for _, r := range want.ChangedConfigs {
			if !slices.Contains(delta.ChangedConfigs, r) {
				t.Fatalf("config of %v changed untold", r)
			}
		}
	})
}

func names(ts []*Topic) []string {
	out := []string{}
	for _, t := range ts {
		out = append(out, t.Name)
	}
	return out
}

func apply(t *rapid.T, img *Image, records []Record) *Image {
	next, _, err := img.Apply(records)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestAnImageNeverChanges(t *testing.T) {
	id := protocol.UUID{1}
	first, _, err := Empty().Apply([]Record{&protocol.TopicRecord{Name: "a", TopicId: id}, &protocol.PartitionRecord{TopicId: id, Leader: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := first.Apply([]Record{&protocol.PartitionChangeRecord{TopicId: id, Leader: 2}}); err != nil {
		t.Fatal(err)
	}
	if p := first.Topic("a").Partitions[0]; p.Leader != 1 || p.PartitionEpoch != 0 {
		t.Fatalf("the older image changed: %+v", p)
	}
}

func TestRecordsThatMakeNoSense(t *testing.T) {
	for _, r := range []Record{
		&protocol.RemoveTopicRecord{TopicId: protocol.UUID{9}},
		&protocol.PartitionRecord{TopicId: protocol.UUID{9}},
		&protocol.PartitionChangeRecord{TopicId: protocol.UUID{9}},
		&protocol.BrokerRegistrationChangeRecord{BrokerId: 4},
	} {
		if _, _, err := Empty().Apply([]Record{r}); err == nil {
			t.Errorf("%T was applied", r)
		}
	}
}

func TestCheckTopicName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "A.b_c-9": true, "": false, ".": false, "..": false, "a/b": false, "a\x00": false, "é": false, "a b": false,
		string(make([]byte, 250)): false,
	} {
		if err := CheckTopicName(name); (err == nil) != ok {
			t.Errorf("CheckTopicName(%q) = %v", name, err)
		}
	}
}

func BenchmarkCreate10000Partitions(b *testing.B) {
	var records []Record
	for i := range 100 {
		id := protocol.UUID{byte(i), 1}
		records = append(records, &protocol.TopicRecord{Name: fmt.Sprint("t", i), TopicId: id})
		for p := range 100 {
			records = append(records, &protocol.PartitionRecord{TopicId: id, PartitionId: int32(p), Leader: 1, Replicas: []int32{1}, Isr: []int32{1}})
		}
	}
	for b.Loop() {
		if _, _, err := Empty().Apply(records); err != nil {
			b.Fatal(err)
		}
	}
}
