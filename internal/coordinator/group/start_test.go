package group

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/coordtest"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// TestNothingIsListedBeforeTheStart: a list without the groups that aren't loaded yet would be believed.
func TestNothingIsListedBeforeTheStart(t *testing.T) {
	cfg := config.NewBroker(config.Map{})
	c := New(Options{
		Self: 1, Image: metadata.Empty, Log: func(int32) (coordinator.Log, error) { return &coordtest.Log{}, nil },
		Config: func() *config.Broker { return cfg }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Metrics: new(metrics.Groups), Offsets: new(metrics.Offsets),
	})
	if _, err := c.List(context.Background(), nil, nil); !errors.Is(err, protocol.ErrCoordinatorLoadInProgress) {
		t.Errorf("before Run: %v", err)
	}
}
