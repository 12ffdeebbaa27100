package node

import (
	"context"
	"errors"
	"fmt"
)

// parts are the running pieces of a node, in the order they were started. Each
// is stopped, and waited for, before those that were there when it started.
type parts struct {
	list   []*part
	failer chan error
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan error // what run returned
	close  func() error
}

// add starts a piece: run, until it is told to end, and close, after run has
// ended. Either may be nil.
func (p *parts) add(name string, run func(context.Context) error, closing func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	pt := &part{name: name, cancel: cancel, done: make(chan error, 1), close: closing}
	p.list = append(p.list, pt)
	if run == nil {
		pt.done <- nil
		return
	}
	failed := p.failed()
	go func() {
		err := run(ctx)
		if err != nil && ctx.Err() == nil {
			select {
			case failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
		pt.done <- err
	}()
}

// failed receives the first error that a piece ended with on its own.
func (p *parts) failed() chan error {
	if p.failer == nil {
		p.failer = make(chan error, 1)
	}
	return p.failer
}

// stop ends everything, the youngest first.
func (p *parts) stop() error {
	var errs []error
	for i := len(p.list) - 1; i >= 0; i-- {
		pt := p.list[i]
		pt.cancel()
		if err := <-pt.done; err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, fmt.Errorf("%s: %w", pt.name, err))
		}
		if pt.close != nil {
			if err := pt.close(); err != nil {
				errs = append(errs, fmt.Errorf("closing %s: %w", pt.name, err))
			}
		}
	}
	return errors.Join(errs...)
}
