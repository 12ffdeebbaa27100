package commitlog

import (
	"fmt"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// readMarker reads the marker of a control batch. Other batches, and those that compaction has emptied, have none.
func readMarker(b record.Batch) (marker, error) {
	if !b.IsControl() {
		return marker{}, nil
	}
	m, ok, err := record.ReadMarker(b)
	if err != nil {
		return marker{}, fmt.Errorf("%w: %w", protocol.ErrInvalidRecord, err)
	}
	return marker{
		isMarker: ok && b.HasProducerID(), aborted: m.Type == record.Abort,
		coordinatorEpoch: m.CoordinatorEpoch, timestamp: m.Timestamp,
	}, nil
}
