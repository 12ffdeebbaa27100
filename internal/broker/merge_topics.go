package broker

// mergeTopics joins the answers for topics that a request names several times.
// Kafka does that where it refuses some of the partitions before it asks the
// coordinator; what the coordinator answers comes as it was asked.
func mergeTopics[T any, K comparable](topics []T, key func(*T) K, join func(into, from *T)) []T {
	at := make(map[K]int, len(topics))
	out := topics[:0]
	for i := range topics {
		t := topics[i]
		if first, named := at[key(&t)]; named {
			join(&out[first], &t)
			continue
		}
		at[key(&t)] = len(out)
		out = append(out, t)
	}
	return out
}
