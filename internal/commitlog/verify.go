package commitlog

import (
	"fmt"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// A verification is under way while the transaction coordinator is asked whether this partition is part of a producer's
// transaction (KIP-890). Its first batch may be appended once the answer is yes, unless a marker has come in between: the
// answer is about a transaction that is over then. So the marker removes the verification, and a batch that comes with one
// that isn't there any more is refused. An answer that was no changes nothing: a batch that was sent after the one that was
// refused must not take its place, whatever is known of the producer.
type verification struct {
	token   uint64 // tells it from others of the producer
	epoch   record.ProducerEpoch
	lowest  int32 // sequence seen: a later batch isn't to be the first one, for the one before comes again
	anew    bool  // the producer has an epoch for each transaction, whose first batch has sequence 0
	beganMs int64
}

// Verified is what BeginVerification gives to AppendOptions.
type Verified = func(record.ProducerID, record.ProducerEpoch) error

// Ongoing tells whether the producer has an open transaction here, which it began in the epoch: there is nothing to verify.
func (l *Log) Ongoing(id record.ProducerID, epoch record.ProducerEpoch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.producers.ongoing(id, epoch)
}

// BeginVerification notes that a producer's first batch in its transaction, with the given first sequence, is to be verified.
// What it returns lets the batch pass, until a marker of the producer is appended. anew tells that the producer has an epoch
// for each transaction (transactions version 2): where nothing is known of it, the batch must be the epoch's first.
func (l *Log) BeginVerification(id record.ProducerID, epoch record.ProducerEpoch, sequence int32, anew bool) Verified {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.producers
	v, found := s.verifying[id]
	switch {
	case !found:
		l.verifications++
		v = verification{token: l.verifications, epoch: epoch, lowest: sequence, anew: anew}
	case epoch > v.epoch:
		v.epoch, v.lowest = epoch, sequence
	case epoch == v.epoch:
		v.lowest = min(v.lowest, sequence)
	}
	v.beganMs = l.env.nowMs()
	if s.verifying == nil {
		s.verifying = make(map[record.ProducerID]verification)
	}
	s.verifying[id] = v
	token := v.token
	return func(id record.ProducerID, _ record.ProducerEpoch) error { // called with l.mu held
		if l.producers.verifying[id].token == token {
			return nil
		}
		return NotOngoing(id, 0)
	}
}

// NotOngoing refuses a batch that isn't part of an open transaction.
func NotOngoing(id record.ProducerID, _ record.ProducerEpoch) error {
	return fmt.Errorf("%w: a batch of producer %d is not part of an ongoing transaction", protocol.ErrInvalidTxnState, id)
}

// ongoing tells whether a producer has an open transaction in the epoch.
func (s *producerState) ongoing(id record.ProducerID, epoch record.ProducerEpoch) bool {
	p := s.find(id)
	return p != nil && p.txnStart != noOffset && p.epoch == epoch
}

// checkEpoch refuses a batch of an epoch that is over.
func (s *producerState) checkEpoch(b record.Batch) error {
	if p := s.find(b.ProducerID()); p != nil && b.ProducerEpoch() < p.epoch {
		return p.check(b, OriginCoordinator)
	}
	return nil
}

// checkFirst refuses a batch that isn't the first of those that are being verified, or of its epoch. One that comes late, in
// an older epoch than another that is being verified, is measured by that one, as in Kafka: what its own epoch saw is forgotten.
func (s *producerState) checkFirst(b record.Batch) error {
	v, found := s.verifying[b.ProducerID()]
	if !found {
		return nil
	}
	first := b.BaseSequence()
	if p := s.find(b.ProducerID()); v.anew && first != 0 && (p == nil || p.count == 0) {
		return fmt.Errorf("%w: epoch %d of producer %d begins with sequence %d, not 0, and nothing is known of the producer",
			protocol.ErrOutOfOrderSequenceNumber, b.ProducerEpoch(), b.ProducerID(), first)
	}
	if first > v.lowest {
		return fmt.Errorf("%w: sequence %d of producer %d came before %d", protocol.ErrOutOfOrderSequenceNumber, first, b.ProducerID(), v.lowest)
	}
	return nil
}
