// Package commitlog keeps partitions on disk, in the files and formats of Apache Kafka.
//
// Log is one partition's replica: a list of segments, of which the last one is appended to, with their indexes, the
// leader epochs, the state of producers and transactions, and the offsets that bound it. Dirs is the set of log
// directories: it finds, recovers, creates, flushes, trims, moves and deletes logs.
//
// Invariants. Offsets grow strictly from batch to batch and no byte below the end offset is ever changed: a truncation
// that cuts into bytes which may have been sent seals the segment and goes on in a new one. Everything below the recovery
// point is on disk, with its indexes; only what lies above it is scanned after an unclean stop. What a file says is checked
// before it is believed; what can be computed from the batches is computed again when the check fails.
//
// Locks. Log.flushMu, held by whoever changes files in the background or truncates, comes before Log.mu, which guards
// the state and is held over the append's own write and nothing else that waits. Callers may hold a lock of their own
// (the partition's) when they call; callbacks are made without any.
package commitlog
