package coordinator

import (
	"errors"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// Log is the partition that a shard keeps its state in: a replica.Partition, or
// one in a test.
type Log interface {
	// Writable tells whether an append in the leader epoch would be taken now,
	// and where it would begin.
	Writable(epoch record.LeaderEpoch) (end record.Offset, err error)
	// AppendInternal appends one batch. The error may be a refusal, after which
	// the log is as it was.
	AppendInternal(b record.Batch, epoch record.LeaderEpoch, opt replica.InternalAppend) (replica.Appended, error)
	// ReadInternal reads whole batches from the offset on into buf, up to the
	// log's end; one at least, in memory of its own if buf is too small. next is
	// behind them.
	ReadInternal(buf []byte, from record.Offset) (batches []byte, next record.Offset, err error)
	// Bounds are the log's first offset and its end.
	Bounds() (start, end record.Offset)
	// HighWatermark is the offset below which everything is committed.
	HighWatermark() record.Offset
	// MaxBatchBytes is the largest batch that the log takes.
	MaxBatchBytes() int
	// Watch marks the watch whenever the high watermark or the leadership moves.
	Watch(*replica.Watch)
	Unwatch(*replica.Watch)
}

// answerFor is the error that a client gets for a log that can't be written or
// read now, as Kafka maps them: it looks for the coordinator again, or asks
// again later.
func answerFor(err error) error {
	switch protocol.Error(protocol.CodeOf(err)) {
	case protocol.ErrNotLeaderOrFollower, protocol.ErrFencedLeaderEpoch, protocol.ErrUnknownLeaderEpoch, protocol.ErrKafkaStorageError:
		return protocol.ErrNotCoordinator
	case protocol.ErrUnknownTopicOrPartition, protocol.ErrNotEnoughReplicas, protocol.ErrNotEnoughReplicasAfterAppend, protocol.ErrRequestTimedOut:
		return protocol.ErrCoordinatorNotAvailable
	case protocol.ErrMessageTooLarge, protocol.ErrRecordListTooLarge, protocol.ErrInvalidFetchSize:
		return protocol.ErrUnknownServerError
	}
	return err
}

// isRefusal tells an append that was refused from one that failed.
func isRefusal(err error) bool {
	for _, code := range [...]protocol.Error{
		protocol.ErrInvalidProducerEpoch, protocol.ErrProducerFenced, protocol.ErrInvalidTxnState,
		protocol.ErrTransactionCoordinatorFenced, protocol.ErrMessageTooLarge, protocol.ErrRecordListTooLarge,
		protocol.ErrNotEnoughReplicas, protocol.ErrTransactionAbortable, protocol.ErrInvalidProducerIdMapping,
		protocol.ErrConcurrentTransactions,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
