package group

import (
	"fmt"
	"slices"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// assignor computes the target assignment of a consumer group at the server (KIP-848). assign is a pure function: the
// same input gives the same targets, one for each member of the input, in its order. It fails, as Kafka's does, when a
// member subscribes to a topic that doesn't exist.
type assignor struct {
	name   string
	assign func(in *assignorInput) ([]assignorTarget, error)
}

// assignors are Kafka's, in the order of group.consumer.assignors: the first is the default.
var assignors = []assignor{
	{"uniform", assignUniform},
	{"range", assignRange},
}

// assignorByName returns the assignor that a member asked for.
func assignorByName(name string) (assignor, bool) {
	for _, a := range assignors {
		if a.name == name {
			return a, true
		}
	}
	return assignor{}, false
}

// assignment is the partitions of a member by topic: ascending, and no topic without partitions. Maps and slices are
// never changed once they are handed over, so that an unchanged one can be passed on.
type assignment map[protocol.UUID][]int32

// assignorInput is what an assignor sees of a group.
type assignorInput struct {
	Members    []assignorMember                // sorted by ID
	Partitions func(topic protocol.UUID) int32 // number of partitions of a topic, 0 if there is no such topic
}

// assignorMember is a member of a group. Members with the same subscription may share one slice of topics, which is
// then compared faster.
type assignorMember struct {
	ID         string
	InstanceID string          // "" for a dynamic member
	Rack       string          // "" for none; Kafka's assignors ignore it too
	Topics     []protocol.UUID // of its names and its regular expression together: sorted, no duplicates
	Assigned   assignment      // its target assignment until now
}

// assignorTarget is the target of a member. When it is not Changed, the assignment is the map that the input had.
type assignorTarget struct {
	Assignment assignment
	Changed    bool
}

// assignorTopics numbers the topics that a group subscribes to, so that the assignors can use slices for maps.
type assignorTopics struct {
	ids         []protocol.UUID // by number
	partitions  []int32         // how many, by number of the topic
	subscribers []int32         // how many, by number of the topic
	number      map[protocol.UUID]int32
	byMember    [][]int32 // numbers of the topics that a member subscribes to, in its order; shared where equal
	homogeneous bool      // all members subscribe to the same topics
}

// numberAssignorTopics fails when a topic doesn't exist.
func numberAssignorTopics(in *assignorInput) (*assignorTopics, error) {
	ts := &assignorTopics{
		number:      make(map[protocol.UUID]int32),
		byMember:    make([][]int32, len(in.Members)),
		homogeneous: true,
	}
	for i := range in.Members {
		if i > 0 && sameTopics(in.Members[i-1].Topics, in.Members[i].Topics) {
			ts.byMember[i] = ts.byMember[i-1]
		} else if err := ts.addMember(in, i); err != nil {
			return nil, err
		}
		for _, t := range ts.byMember[i] {
			ts.subscribers[t]++
		}
	}
	return ts, nil
}

func (ts *assignorTopics) addMember(in *assignorInput, i int) error {
	ts.homogeneous = i == 0
	numbers := make([]int32, len(in.Members[i].Topics))
	for k, id := range in.Members[i].Topics {
		t, known := ts.number[id]
		if !known {
			n := in.Partitions(id)
			if n <= 0 {
				return fmt.Errorf("member %q subscribes to topic %v, which doesn't exist", in.Members[i].ID, id)
			}
			t = int32(len(ts.ids))
			ts.number[id] = t
			ts.ids, ts.partitions, ts.subscribers = append(ts.ids, id), append(ts.partitions, n), append(ts.subscribers, 0)
		}
		numbers[k] = t
	}
	ts.byMember[i] = numbers
	return nil
}

// sameTopics spares the comparison of a slice with itself.
func sameTopics(a, b []protocol.UUID) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// sameAssignment tells whether two assignments have the same partitions.
func sameAssignment(a, b assignment) bool {
	if len(a) != len(b) {
		return false
	}
	for topic, partitions := range a {
		if !slices.Equal(partitions, b[topic]) {
			return false
		}
	}
	return true
}
