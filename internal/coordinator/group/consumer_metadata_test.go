package group

import (
	"testing"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The hashes are those that Kafka 4.4 recorded for groups of these topics.
func TestMetadataHash(t *testing.T) {
	img := metadata.Empty()
	for _, topic := range []struct {
		name, id   string
		partitions int32
	}{
		{"foo", "seOJIA03TjWD4jKrNMlOPQ", 4},
		{"foo2", "1aWCVrJ8Rl6dL0gTvBtzgQ", 1},
	} {
		id, err := protocol.ParseUUID(topic.id)
		if err != nil {
			t.Fatal(err)
		}
		records := []metadata.Record{&protocol.TopicRecord{Name: topic.name, TopicId: id}}
		for p := range topic.partitions {
			records = append(records, &protocol.PartitionRecord{TopicId: id, PartitionId: p, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1})
		}
		if img, _, err = img.Apply(records); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		topics []string
		hash   int64
	}{
		{nil, 0},
		{[]string{"no such topic"}, 0},
		{[]string{"foo", "no such topic"}, -3497243609492446845},
		{[]string{"foo", "foo2"}, -6252411738068314143},
	} {
		var h topicHashes
		for range 2 { // the second time from what is kept
			if got := h.of(c.topics, img); got != c.hash {
				t.Errorf("%v: %d, not %d", c.topics, got, c.hash)
			}
		}
	}
}
