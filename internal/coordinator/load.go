package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// loadBytes is how much of the log is read at once while it is replayed.
const loadBytes = 1 << 20

// loadBuffers is what one load reads into: a chunk is read while the one before
// it is replayed.
type loadBuffers [2][loadBytes]byte

// loadPool lends to those who load: a broker that becomes the leader of fifty
// partitions needs buffers for each that loads at the time, not fifty.
var loadPool = poison.NewPool(nil, func(b *loadBuffers) {
	poison.Bytes(b[0][:])
	poison.Bytes(b[1][:])
})

// loadProgress is what others may see of a load.
type loadProgress struct {
	done  atomic.Bool
	bytes atomic.Int64 // replayed so far
	ns    atomic.Int64 // that the last complete load took
}

// load replays the log into a new machine. Operations that come meanwhile are
// told to ask again.
func (s *Shard) load(ctx context.Context) error {
	s.state = protocol.ErrCoordinatorLoadInProgress
	s.loaded.done.Store(false)
	s.loaded.bytes.Store(0)
	if err := s.turnToLoad(ctx); err != nil {
		return err
	}
	defer func() { <-s.options.loads }()
	began := time.Now()
	m := s.options.New(s)
	next, err := s.replayInto(ctx, m)
	if err != nil {
		s.cancelTimers()
		m.Unloaded()
		return err
	}
	s.machine, s.next, s.state = m, next, nil
	s.loaded.ns.Store(int64(time.Since(began)))
	s.loaded.done.Store(true)
	if n := s.loaded.bytes.Load(); n > 0 {
		s.logger.Info("coordinator loaded", "bytes", n, "ms", time.Since(began).Milliseconds())
	}
	return nil
}

// replayInto replays the log into m and returns where it ends. A panic of the
// machine is an error.
func (s *Shard) replayInto(ctx context.Context, m Machine) (next record.Offset, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while the log was replayed: %v", r)
		}
	}()
	if next, err = s.replay(ctx, m); err == nil {
		m.Loaded()
	}
	return next, err
}

// turnToLoad waits until few enough others load: their buffers count. Where
// there is nothing to load, whoever asks is not told to ask again: the topic was
// created for them a moment ago.
func (s *Shard) turnToLoad(ctx context.Context) error {
	inbox := s.inbox
	if start, end := s.log.Bounds(); start == end {
		inbox = nil
	}
	for {
		select {
		case s.options.loads <- struct{}{}:
			return nil
		case o := <-inbox:
			s.take(o)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// replay reads the log to its end and returns where that is. The buffers are its
// own until the reader has ended and the last chunk is replayed, however it ends.
func (s *Shard) replay(ctx context.Context, m Machine) (record.Offset, error) {
	next, end := s.log.Bounds()
	if next == end {
		return end, nil
	}
	bufs := loadPool.Get()
	defer loadPool.Put(bufs)
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan chunk)
	go s.readAhead(ctx, bufs, chunks, next, end)
	defer func() {
		cancel()
		for range chunks { // until the reader has ended
		}
	}()
	r := newReplayer(s, m)
	for c := range chunks {
		if c.err != nil {
			return 0, c.err
		}
		if err := r.batches(c.batches); err != nil {
			return 0, err
		}
		s.loaded.bytes.Add(int64(len(c.batches)))
		s.refuseQueued()
	}
	return end, ctx.Err()
}

// chunk is a piece of the log.
type chunk struct {
	batches []byte // valid until the next chunk is received, or the buffers are given back
	err     error
}

// readAhead reads the log from next to end, a chunk ahead of who replays it. It
// closes chunks when it is through, after an error, and when ctx ends, and
// touches the buffers no more.
func (s *Shard) readAhead(ctx context.Context, bufs *loadBuffers, chunks chan<- chunk, next, end record.Offset) {
	defer close(chunks)
	for i := 0; next < end; i++ {
		batches, after, err := s.read(bufs[i%2][:], next)
		select {
		case chunks <- chunk{batches, err}:
		case <-ctx.Done():
			return
		}
		if err != nil || after <= next { // after: compaction took the last records
			return
		}
		next = after
	}
}

// read reads a piece of the log. A panic is an error: the process doesn't end for
// a log that can't be read.
func (s *Shard) read(buf []byte, from record.Offset) (batches []byte, next record.Offset, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			err = fmt.Errorf("reading at offset %d: %w", from, err)
		}
	}()
	return s.log.ReadInternal(buf, from)
}

// replayer applies batches to a machine.
type replayer struct {
	shard   *Shard
	machine Machine
	decoder protocol.Decoder
	unknown int // records of types that the machine doesn't know
}

// newReplayer decodes copies: what a machine keeps outlives the chunk it was in.
func newReplayer(s *Shard, m Machine) *replayer {
	return &replayer{shard: s, machine: m, decoder: protocol.Decoder{Copy: true}}
}

func (r *replayer) batches(rest []byte) error {
	for len(rest) > 0 {
		b, tail, err := record.Next(rest)
		if err != nil {
			return err
		}
		if err := r.batch(b); err != nil {
			return fmt.Errorf("the batch at offset %d: %w", b.BaseOffset(), err)
		}
		rest = tail
	}
	return nil
}

func (r *replayer) batch(b record.Batch) error {
	at := At{ProducerID: record.NoProducerID, ProducerEpoch: record.NoProducerEpoch}
	if b.IsControl() {
		m, ok, err := record.ReadMarker(b)
		if err != nil || !ok {
			return err
		}
		r.machine.EndTxn(At{b.BaseOffset(), m.ProducerID, m.ProducerEpoch}, m.Type == record.Commit)
		return nil
	}
	if b.IsTransactional() {
		at.ProducerID, at.ProducerEpoch = b.ProducerID(), b.ProducerEpoch()
	}
	rd := record.Read(b, record.NoLimits)
	defer rd.Close()
	for rd.Next() {
		rec := rd.Record()
		at.Offset = rec.Offset
		if err := r.record(at, rec); err != nil {
			return err
		}
	}
	return rd.Err()
}

// record applies one record. One of an unknown type is passed over, as Kafka
// does: a later version may have written it.
func (r *replayer) record(at At, rec *record.Record) error {
	key, value, err := decode(&r.decoder, r.machine.Kinds, rec.Key, rec.Value)
	if errors.Is(err, errUnknownType) {
		if r.unknown++; r.unknown == 1 {
			r.shard.logger.Warn("a record of an unknown type is passed over", "offset", at.Offset)
		}
		return nil
	}
	if err != nil {
		return err
	}
	r.machine.Replay(at, key, value)
	return nil
}
