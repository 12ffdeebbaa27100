package group

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// topicHashes are the hashes of the topics that groups subscribe to (KIP-1101):
// of id, name, number of partitions and the racks of their replicas. What was
// computed is kept for as long as the image has the same topic, so that a change
// of the metadata costs a group no more than a look at each of its topics.
type topicHashes struct {
	image *metadata.Image
	racks string // of all brokers
	known map[string]topicHash
}

type topicHash struct {
	topic *metadata.Topic
	sum   uint64
}

// follow takes notice of another image.
func (h *topicHashes) follow(img *metadata.Image) {
	if img == h.image {
		return
	}
	h.image = img
	var racks strings.Builder
	for b := range img.Brokers() {
		racks.WriteByte(0)
		if b.Rack != nil {
			racks.WriteString(*b.Rack)
		}
		racks.WriteByte(byte(b.ID))
		racks.WriteByte(byte(b.ID >> 8))
	}
	if racks.String() != h.racks || h.known == nil {
		h.racks, h.known = racks.String(), make(map[string]topicHash)
	}
}

// of hashes the topics of some names, which are sorted. Topics that don't exist
// don't count; without topics the hash is 0.
func (h *topicHashes) of(names []string, img *metadata.Image) int64 {
	h.follow(img)
	var sums []byte
	for _, name := range names {
		if t := img.Topic(name); t != nil {
			sums = binary.LittleEndian.AppendUint64(sums, h.topic(t))
		} else {
			delete(h.known, name)
		}
	}
	if len(sums) == 0 {
		return 0
	}
	return int64(xxh3(sums))
}

func (h *topicHashes) topic(t *metadata.Topic) uint64 {
	if k := h.known[t.Name]; k.topic == t {
		return k.sum
	}
	sum := hashTopic(t, h.image)
	h.known[t.Name] = topicHash{t, sum}
	return sum
}

// hashTopic hashes what Kafka hashes of a topic:
//
//	version (1) = 0, id (16), name, partitions (4)
//	for each partition: index (4); for each rack: its length (4), rack
//
// Numbers are little endian, the halves of the id too; a string is UTF-16 with
// its length in characters behind it.
func hashTopic(t *metadata.Topic, img *metadata.Image) uint64 {
	b := []byte{0}
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(t.ID[:8]))
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(t.ID[8:]))
	b, _ = appendUTF16(b, t.Name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Partitions)))
	for i, p := range t.Partitions {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
		for _, rack := range racksOf(p, img) {
			at := len(b)
			b = append(b, 0, 0, 0, 0)
			var n int
			b, n = appendUTF16(b, rack)
			binary.LittleEndian.PutUint32(b[at:], uint32(n))
		}
	}
	return xxh3(b)
}

func appendUTF16(b []byte, s string) (out []byte, n int) {
	chars := utf16.Encode([]rune(s))
	for _, c := range chars {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(len(chars))), len(chars)
}

// racksOf are the racks of a partition's replicas, sorted.
func racksOf(p *metadata.Partition, img *metadata.Image) []string {
	var racks []string
	for _, id := range p.Replicas {
		if br := img.Broker(id); br != nil && br.Rack != nil {
			racks = append(racks, *br.Rack)
		}
	}
	slices.Sort(racks)
	return racks
}

// topicsWith are the topics that a group subscribes to once a member is replaced
// by another state of itself and some resolved expressions are replaced: nil for
// those that end. Sorted.
func (g *consumerGroup) topicsWith(before, after []*consumerMember, regexes map[string]*resolvedRegex) []string {
	counts := maps.Clone(g.topics)
	for _, m := range before {
		count(counts, m.topics, -1)
	}
	for _, m := range after {
		count(counts, m.topics, 1)
	}
	for expr, r := range regexes {
		if old := g.resolved[expr]; old != nil {
			count(counts, old.topics, -1)
		}
		if r != nil {
			count(counts, r.topics, 1)
		}
	}
	return slices.Sorted(maps.Keys(counts))
}

// topicIDs are the ids of the topics that a member subscribes to, by name and by
// its expression, as far as they exist. Sorted.
func (g *consumerGroup) topicIDs(m *consumerMember, img *metadata.Image) []protocol.UUID {
	var ids []protocol.UUID
	for name := range g.namesOf(m) {
		if t := img.Topic(name); t != nil {
			ids = append(ids, t.ID)
		}
	}
	slices.SortFunc(ids, func(a, b protocol.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// namesOf yields the topics that a member subscribes to; some twice.
func (g *consumerGroup) namesOf(m *consumerMember) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, name := range m.topics {
			if !yield(name) {
				return
			}
		}
		if r := g.resolved[m.regex]; r != nil {
			for _, name := range r.topics {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// subscribes tells whether a member subscribes to the topic of an id.
func (g *consumerGroup) subscribes(m *consumerMember, id protocol.UUID, img *metadata.Image) bool {
	t := img.TopicByID(id)
	if t == nil {
		return false
	}
	if _, byName := slices.BinarySearch(m.topics, t.Name); byName {
		return true
	}
	r := g.resolved[m.regex]
	if r == nil {
		return false
	}
	_, byRegex := slices.BinarySearch(r.topics, t.Name)
	return byRegex
}
