package commitlog

import (
	"context"
)

// move is a log that is being copied into another directory.
type move struct {
	log    *Log
	future *Log
	to     *logDir
}

func (d *Dirs) runMoves(ctx context.Context) { <-ctx.Done() }

// futures lists the copies under way into the directory.
func (d *logDir) futures() []*Log {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*Log, 0, len(d.future))
	for _, l := range d.future {
		out = append(out, l)
	}
	sortLogs(out)
	return out
}
