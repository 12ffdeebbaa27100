package txn

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Producer is a producer id and its epoch.
type Producer struct {
	ID    record.ProducerID
	Epoch record.ProducerEpoch
}

// NoProducer is nobody.
var NoProducer = Producer{record.NoProducerID, record.NoProducerEpoch}

// maxEpoch is the last epoch that a client is given: the one above is left for
// the coordinator, which must always be able to fence.
const maxEpoch record.ProducerEpoch = 1<<15 - 2

// exhausted tells that the next epoch is another producer id's.
func (p Producer) exhausted() bool { return p.Epoch >= maxEpoch }

// next is the producer with its epoch bumped.
func (p Producer) next() Producer {
	if p.Epoch < 1<<15-1 {
		p.Epoch++
	}
	return p
}

// Partition is a partition that takes part in a transaction.
type Partition struct {
	Topic string
	Index int32
}

func (p Partition) String() string { return fmt.Sprintf("%s-%d", p.Topic, p.Index) }

// own tells whether it is one that transactions themselves are in. Such a one is
// never part of a transaction: its markers would be appended behind the back of
// the machine that writes there.
func (p Partition) own() bool { return p.Topic == Topic }

func comparePartitions(a, b Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
}

// fields are what a record says of a transactional id.
type fields struct {
	producer Producer
	// previous is the producer id before the last record, next the one that
	// follows when the transaction is complete: epochs are used up.
	previous, next record.ProducerID
	timeoutMs      int32
	state          State
	partitions     map[Partition]struct{} // shared between copies: never changed
	startMs        int64                  // of the last transaction, -1 for none
	updateMs       int64                  // of the record
	version        int16                  // transaction version of the client that made the last change
}

// transaction is the state of a transactional id.
type transaction struct {
	id string
	fields

	// Soft state, of which no record says anything.

	// lastEpoch is the epoch before the last bump, -1 for none or not known: a
	// request with it is a repeated one.
	lastEpoch record.ProducerEpoch
	// done is closed when the markers are written, nil while nobody waits.
	done chan struct{}
}

// has tells whether all partitions take part.
func (f *fields) has(partitions []Partition) bool {
	for _, p := range partitions {
		if _, ok := f.partitions[p]; !ok {
			return false
		}
	}
	return true
}

// with is the set of partitions and some more.
func (f *fields) with(more []Partition) map[Partition]struct{} {
	out := maps.Clone(f.partitions)
	if out == nil {
		out = make(map[Partition]struct{}, len(more))
	}
	for _, p := range more {
		out[p] = struct{}{}
	}
	return out
}

// sorted are the partitions by topic and index.
func (f *fields) sorted() []Partition {
	return slices.SortedFunc(maps.Keys(f.partitions), comparePartitions)
}

// deadline is when an ongoing transaction times out.
func (f *fields) deadline() time.Time {
	return time.UnixMilli(f.startMs).Add(time.Duration(f.timeoutMs) * time.Millisecond)
}

// encode makes the record that says so, in version 1 of the value where the
// feature transaction.version is 1 or higher: version 0 lacks the producer ids
// before and after and the client's version.
func (f *fields) encode(id string, feature int16) coordinator.Record {
	v := protocol.NewTransactionLogValue()
	v.ProducerId, v.ProducerEpoch = int64(f.producer.ID), int16(f.producer.Epoch)
	v.PreviousProducerId, v.NextProducerId = int64(f.previous), int64(f.next)
	v.TransactionTimeoutMs, v.TransactionStatus = f.timeoutMs, int8(f.state)
	v.TransactionStartTimestampMs, v.TransactionLastUpdateTimestampMs = f.startMs, f.updateMs
	v.ClientTransactionVersion = f.version
	v.TransactionPartitions = nil
	if f.state != Empty {
		v.TransactionPartitions = byTopic(f.sorted())
	}
	return coordinator.Record{Key: &protocol.TransactionLogKey{TransactionalId: id}, Value: v, Version: min(feature, 1)}
}

// byTopic groups sorted partitions.
func byTopic(partitions []Partition) []protocol.TransactionLogValuePartitionsSchema {
	out := []protocol.TransactionLogValuePartitionsSchema{}
	for _, p := range partitions {
		if n := len(out); n == 0 || out[n-1].Topic != p.Topic {
			out = append(out, protocol.TransactionLogValuePartitionsSchema{Topic: p.Topic})
		}
		t := &out[len(out)-1]
		t.PartitionIds = append(t.PartitionIds, p.Index)
	}
	return out
}

// decode reads what a record says. A state that doesn't exist is a damaged log,
// or one of the future: it can't be led.
func decode(v *protocol.TransactionLogValue) fields {
	state := State(v.TransactionStatus)
	if state < Empty || state >= numStates {
		panic(fmt.Sprintf("a transaction in the unknown state %d", v.TransactionStatus))
	}
	f := fields{
		producer: Producer{record.ProducerID(v.ProducerId), record.ProducerEpoch(v.ProducerEpoch)},
		previous: record.ProducerID(v.PreviousProducerId), next: record.ProducerID(v.NextProducerId),
		timeoutMs: v.TransactionTimeoutMs, state: state, version: v.ClientTransactionVersion,
		startMs: v.TransactionStartTimestampMs, updateMs: v.TransactionLastUpdateTimestampMs,
	}
	if n := len(v.TransactionPartitions); n > 0 && state != Empty {
		f.partitions = make(map[Partition]struct{}, n)
		for i := range v.TransactionPartitions {
			t := &v.TransactionPartitions[i]
			for _, index := range t.PartitionIds {
				f.partitions[Partition{t.Topic, index}] = struct{}{}
			}
		}
	}
	return f
}
