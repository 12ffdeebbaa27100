// Package coordinator is the runtime of the coordinators: a replicated state
// machine on each partition of an internal topic.
//
// Its main type is Shard: one goroutine that owns a Machine, the state that the
// partition's records make. An operation decides what to record; its records
// are replayed into the machine and appended to the log; its answer is given
// when the high watermark has passed them. The invariant: a machine's state is
// what its log says, plus soft state that may be lost. So there is no way back
// from a failed append: the machine is thrown away and the log replayed.
package coordinator
