// Package controller is what the active controller decides: functions from a
// metadata image and a request to records and a response, one file each.
//
// Its main type is Controller, which runs them one after the other, proposes
// their records to the metadata log and answers when they are committed. The
// invariant: a decision is made on the image that the decisions before it will
// have produced, or its records are thrown away.
package controller

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Proposer is the metadata log, as the controller uses it.
type Proposer interface {
	// Image is the committed state.
	Image() *metadata.Image
	// Propose commits records and returns when they are applied here. After an
	// error nobody knows whether they will be.
	Propose(ctx context.Context, records []metadata.Record) (index uint64, err error)
	// Barrier returns when everything committed before it is applied here.
	Barrier(ctx context.Context) error
	// Leading tells whether this node leads, and in which term.
	Leading() (leader bool, term uint64)
}

// Options are what New needs.
type Options struct {
	Log    Proposer
	Broker func(*metadata.Image) *config.Broker // the broker configs in force under an image
	Logger *slog.Logger
	NewID  func() protocol.UUID // random ids, never zero
	Rand   *rand.Rand           // where to begin placing replicas; used by one goroutine
}

// Controller decides for the cluster while its node leads the metadata quorum.
type Controller struct {
	Options
	queue   chan *decision
	stopped chan struct{} // closed when Run has returned: nothing is decided any more
}

// A decision is one request on its way: decide runs on the controller's
// goroutine, once or not at all.
type decision struct {
	decide func(*metadata.Image) []metadata.Record
	err    error
	done   chan struct{}
}

const (
	// maxQueued bounds the requests that wait for their turn.
	maxQueued = 1024
	// maxEntryRecords bounds what is proposed as one entry of the log. A single
	// decision may be larger: it is never split.
	maxEntryRecords = 16 << 10
)

// New returns a Controller; Run makes it work.
func New(o Options) *Controller {
	return &Controller{Options: o, queue: make(chan *decision, maxQueued), stopped: make(chan struct{})}
}

// Run decides until ctx ends. It is called once. Whoever still waits is answered
// NOT_CONTROLLER.
func (c *Controller) Run(ctx context.Context) error {
	defer close(c.stopped)
	var settled uint64 // the term in which the image holds all that was committed before, 0 for none
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-c.queue:
			term, err := c.settle(ctx, settled)
			if err != nil {
				first.fail(err)
				continue
			}
			if settled = term; !c.batch(ctx, first) {
				settled = 0
			}
		}
	}
}

// settle makes sure that this node leads and that its image is complete, and
// returns the term. A decision without records is never proposed, so that
// nothing else would find out that another node decides by now.
func (c *Controller) settle(ctx context.Context, settled uint64) (uint64, error) {
	leader, term := c.Log.Leading()
	if leader && term == settled {
		return settled, nil
	}
	if err := c.Log.Barrier(ctx); err != nil || !leader {
		return 0, err // it may lead without knowing yet: the next batch asks again
	}
	return term, nil
}

// batch decides for first and for whoever else waits, proposes it all as one
// entry and answers. It returns false when nobody knows what became of it.
func (c *Controller) batch(ctx context.Context, first *decision) bool {
	image := c.Log.Image()
	var records []metadata.Record
	var decided []*decision
	for d := first; d != nil; d = c.next(len(records)) {
		rs := d.decide(image)
		next, _, err := image.Apply(rs)
		if err != nil {
			c.Logger.Error("a decision made records that can't be applied", "error", err)
			d.fail(protocol.ErrUnknownServerError)
			continue
		}
		image, records, decided = next, append(records, rs...), append(decided, d)
	}
	if len(records) > 0 {
		if _, err := c.Log.Propose(ctx, records); err != nil {
			c.Logger.Warn("the metadata log took no decision", "requests", len(decided), "error", err)
			for _, d := range decided {
				d.fail(err)
			}
			return false
		}
	}
	for _, d := range decided {
		close(d.done)
	}
	return true
}

// next is the decision after one that left n records in the entry, nil when the
// entry is to go.
func (c *Controller) next(n int) *decision {
	if n >= maxEntryRecords {
		return nil
	}
	select {
	case d := <-c.queue:
		return d
	default:
		return nil
	}
}

func (d *decision) fail(err error) {
	d.err = err
	close(d.done)
}

// run has a decision made and waits until its records are committed. The error
// is one to answer with: NOT_CONTROLLER, REQUEST_TIMED_OUT.
func (c *Controller) run(ctx context.Context, decide func(*metadata.Image) []metadata.Record) error {
	d := &decision{decide: decide, done: make(chan struct{})}
	select {
	case c.queue <- d:
	case <-c.stopped:
		return protocol.ErrNotController
	case <-ctx.Done():
		return protocol.ErrRequestTimedOut
	}
	select {
	case <-d.done:
	case <-c.stopped:
		return protocol.ErrNotController
	case <-ctx.Done():
		return protocol.ErrRequestTimedOut
	}
	var code protocol.Error
	if d.err == nil || errors.As(d.err, &code) {
		return d.err
	}
	return protocol.ErrNotController
}

// ask is run for a decision that makes a response.
func ask[R any](ctx context.Context, c *Controller, decide func(*metadata.Image) ([]metadata.Record, R)) (R, error) {
	var answer R
	err := c.run(ctx, func(img *metadata.Image) []metadata.Record {
		records, a := decide(img)
		answer = a
		return records
	})
	if err != nil { // answer may still be written: it isn't ours
		var none R
		return none, err
	}
	return answer, nil
}

// within bounds ctx by a request's own timeout.
func within(ctx context.Context, timeoutMs int32) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(max(timeoutMs, 0))*time.Millisecond)
}

// codeAndText is what a response says of one failed item.
func codeAndText(err error) (int16, *string) {
	if err == nil {
		return 0, nil
	}
	code := protocol.CodeOf(err)
	text, ok := protocol.TextOf(err)
	switch {
	case ok:
	case code == int16(protocol.ErrUnknownServerError):
		text = err.Error()
	default:
		text = protocol.Error(code).Message()
	}
	return code, &text
}
