package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/replica"
)

// WriteTxnMarkers (key 27)
//
//   - Ends transactions in partitions that this broker leads. A coordinator asks,
//     or an administrator who aborts a transaction that hangs.
//   - Committed offsets end with the group coordinator, which holds them back. The
//     transaction coordinator's own topic takes no markers: INVALID_TOPIC_EXCEPTION.
//   - Markers of one producer id are answered together.
//
// v1 flexible. v2 the version of the transaction (KIP-1228).
func (b *Broker) writeTxnMarkers(ctx context.Context, _ *Request, m *protocol.WriteTxnMarkersRequest) *protocol.WriteTxnMarkersResponse {
	write := b.endInPartitions
	markers := make([]txn.Markers, len(m.Markers))
	for i := range m.Markers {
		markers[i] = markersOf(&m.Markers[i])
		if b.unwritable(&markers[i]) {
			write = func(_ context.Context, m txn.Markers) []error {
				return forAll(make([]error, len(m.Partitions)), errNobodysMarker)
			}
		}
	}
	resp := &protocol.WriteTxnMarkersResponse{}
	answers := make(map[record.ProducerID]*partitionCodes, len(markers))
	for i := range markers {
		if len(markers[i].Partitions) == 0 {
			continue
		}
		id := markers[i].Producer.ID
		if answers[id] == nil {
			answers[id] = newPartitionCodes()
			resp.Markers = append(resp.Markers, protocol.WriteTxnMarkersResponseWritableTxnMarkerResult{ProducerId: int64(id)})
		}
		answers[id].put(markers[i].Partitions, b.codes(write(ctx, markers[i])))
	}
	for i := range resp.Markers {
		resp.Markers[i].Topics = markedTopics(answers[record.ProducerID(resp.Markers[i].ProducerId)].topics)
	}
	return resp
}

func markersOf(r *protocol.WriteTxnMarkersRequestWritableTxnMarker) txn.Markers {
	m := txn.Markers{
		Producer: producer(r.ProducerId, r.ProducerEpoch), CoordinatorEpoch: record.LeaderEpoch(r.CoordinatorEpoch),
		Commit: r.TransactionResult, TransactionVersion: int16(r.TransactionVersion),
	}
	for j := range r.Topics {
		for _, index := range r.Topics[j].PartitionIndexes {
			m.Partitions = append(m.Partitions, txn.Partition{Topic: r.Topics[j].Name, Index: index})
		}
	}
	return m
}

func markedTopics(topics []topicCodes) []protocol.WriteTxnMarkersResponseWritableTxnMarkerTopicResult {
	out := make([]protocol.WriteTxnMarkersResponseWritableTxnMarkerTopicResult, len(topics))
	for i, t := range topics {
		out[i].Name = t.topic
		for _, p := range t.partitions {
			out[i].Partitions = append(out[i].Partitions, protocol.WriteTxnMarkersResponseWritableTxnMarkerPartitionResult{
				PartitionIndex: p.index, ErrorCode: p.code,
			})
		}
	}
	return out
}

// Markers that can't be made. What Kafka fails on there has no code of its own.
var (
	errNobodysMarker = protocol.Refuse(protocol.ErrUnknownServerError, "a marker needs a producer id and an epoch")
	errNoVersion     = protocol.Refuse(protocol.ErrUnknownServerError, "a marker needs the version of its transaction")
)

// unwritable tells whether a marker has no producer, which fails its whole
// request, before anything is written; unless it is to go nowhere, or only to the
// group coordinator, which refuses it by itself.
func (b *Broker) unwritable(m *txn.Markers) bool {
	if m.Producer.ID != record.NoProducerID && m.Producer.Epoch != record.NoProducerEpoch {
		return false
	}
	return slices.ContainsFunc(m.Partitions, func(p txn.Partition) bool {
		_, err := b.Replicas.ByName(p.Topic, p.Index)
		return err == nil && p.Topic != group.Topic
	})
}

// WriteMarkers ends a transaction in its partitions for the transaction
// coordinator, see txn.Options. A partition that is no more has ended.
func (b *Broker) WriteMarkers(ctx context.Context, m txn.Markers) []error {
	errs := b.endInPartitions(ctx, m)
	img := b.image()
	for i, err := range errs {
		if errors.Is(err, protocol.ErrUnknownTopicOrPartition) && !exists(img, m.Partitions[i]) {
			errs[i] = nil
		}
	}
	return errs
}

// markerTimeout bounds how long a marker may take to be replicated, as Kafka's
// request.timeout.ms does.
const markerTimeout = 30 * time.Second

// endInPartitions writes markers and waits until they are committed.
func (b *Broker) endInPartitions(ctx context.Context, m txn.Markers) []error {
	marker := record.Marker{
		Type: record.Abort, CoordinatorEpoch: int32(m.CoordinatorEpoch),
		ProducerID: m.Producer.ID, ProducerEpoch: m.Producer.Epoch, Timestamp: b.Now().UnixMilli(),
	}
	if m.Commit {
		marker.Type = record.Commit
	}
	ctx, cancel := context.WithTimeout(ctx, markerTimeout)
	defer cancel()
	errs := make([]error, len(m.Partitions))
	waits := make([]pendingAppend, len(m.Partitions))
	for i, p := range m.Partitions {
		if p.Topic != group.Topic {
			waits[i], errs[i] = b.endInPartition(p, marker, m.TransactionVersion)
		}
	}
	deadline := time.Now().Add(markerTimeout)
	for i, p := range m.Partitions {
		switch w := &waits[i]; {
		case p.Topic == group.Topic:
			errs[i] = b.endOffsets(ctx, p, marker, m.TransactionVersion)
		case errs[i] == nil && !w.appended.Committed:
			errs[i] = w.partition.AwaitCommitted(ctx, w.appended, deadline)
		}
	}
	return errs
}

// endInPartition appends a marker.
func (b *Broker) endInPartition(p txn.Partition, m record.Marker, version int16) (pendingAppend, error) {
	part, err := b.Replicas.ByName(p.Topic, p.Index)
	if err == nil {
		err = checkMarker(p, m, version)
	}
	if err != nil {
		return pendingAppend{}, err
	}
	a, err := part.AppendInternal(m.Batch(), -1, replica.InternalAppend{TransactionVersion: version})
	return pendingAppend{partition: part, appended: a}, err
}

// checkMarker refuses a marker that would do harm where it is written. Nothing of
// the transaction coordinator's topic is part of a transaction, and its log is
// written by the coordinator alone.
func checkMarker(p txn.Partition, m record.Marker, version int16) error {
	switch {
	case p.Topic == txn.Topic:
		return protocol.ErrInvalidTopicException
	case m.ProducerID == record.NoProducerID, m.ProducerEpoch == record.NoProducerEpoch:
		return errNobodysMarker
	case version == -1:
		return errNoVersion
	}
	return nil
}

// endOffsets ends a transaction's committed offsets. Where their coordinator
// isn't, or not yet, its partition isn't led, as far as who asks is concerned.
func (b *Broker) endOffsets(ctx context.Context, p txn.Partition, m record.Marker, version int16) error {
	if _, err := b.Replicas.ByName(p.Topic, p.Index); err != nil {
		return err
	}
	if err := checkMarker(p, m, version); err != nil {
		return err
	}
	if b.Groups == nil {
		return protocol.ErrNotLeaderOrFollower
	}
	sh, err := b.Groups.ByPartition(p.Index)
	if err == nil {
		err = coordinator.EndTxn(ctx, sh, m, version)
	}
	switch protocol.Error(protocol.CodeOf(err)) {
	case protocol.ErrCoordinatorNotAvailable, protocol.ErrCoordinatorLoadInProgress, protocol.ErrNotCoordinator:
		return protocol.ErrNotLeaderOrFollower
	}
	return err
}
