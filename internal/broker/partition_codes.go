package broker

import (
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
)

// codes are the codes of errors, in their order.
func (b *Broker) codes(errs []error) []int16 {
	out := make([]int16, len(errs))
	for i, err := range errs {
		out[i] = b.code(err)
	}
	return out
}

// partitionCodes is what became of partitions, by topic and in the order in which
// they came first: a topic or a partition that a request names several times has
// one answer, the last.
type partitionCodes struct {
	topics []topicCodes
	topic  map[string]int // its place in topics
	place  map[txn.Partition]*partitionCode
}

type topicCodes struct {
	topic      string
	partitions []*partitionCode
}

type partitionCode struct {
	index int32
	code  int16
}

func newPartitionCodes() *partitionCodes {
	return &partitionCodes{topic: make(map[string]int), place: make(map[txn.Partition]*partitionCode)}
}

// put adds the codes of partitions.
func (c *partitionCodes) put(partitions []txn.Partition, codes []int16) {
	for i, p := range partitions {
		if known := c.place[p]; known != nil {
			known.code = codes[i]
			continue
		}
		at, known := c.topic[p.Topic]
		if !known {
			at = len(c.topics)
			c.topics, c.topic[p.Topic] = append(c.topics, topicCodes{topic: p.Topic}), at
		}
		c.place[p] = &partitionCode{p.Index, codes[i]}
		c.topics[at].partitions = append(c.topics[at].partitions, c.place[p])
	}
}
