package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
)

const (
	// maxTelemetryQueued bounds the pushes that wait for the receiver. A push
	// that finds no place is refused, and the client's next one has the numbers.
	maxTelemetryQueued = 256
	// telemetryTimeout bounds one request to the receiver.
	telemetryTimeout = 10 * time.Second
)

// Forwarder passes clients' metrics on to an OTLP/HTTP receiver. What clients
// push, OTLP's MetricsData, is on the wire what a receiver takes, an
// ExportMetricsServiceRequest: both are a list of resource metrics in field 1.
type Forwarder struct {
	url    string
	queue  chan push
	client *http.Client
	logger *slog.Logger
}

type push struct {
	gzipped bool
	metrics []byte
}

// NewForwarder returns a Forwarder to a URL; Run makes it work.
func NewForwarder(url string, logger *slog.Logger) *Forwarder {
	return &Forwarder{url: url, queue: make(chan push, maxTelemetryQueued), client: &http.Client{Timeout: telemetryTimeout}, logger: logger}
}

// forward queues a push. The metrics are copied: they alias the request.
func (f *Forwarder) forward(_, gzipped bool, metrics []byte) error {
	select {
	case f.queue <- push{gzipped, bytes.Clone(metrics)}:
		return nil
	default:
		return protocol.ErrThrottlingQuotaExceeded
	}
}

// Run sends what is queued until ctx ends. A receiver that fails is logged when
// it begins to, not for each push.
func (f *Forwarder) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-f.queue:
			err := f.send(ctx, p)
			if err != nil && !failing {
				f.logger.Warn("client metrics can't be passed on", "endpoint", f.url, "error", err)
			}
			failing = err != nil
		}
	}
}

func (f *Forwarder) send(ctx context.Context, p push) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(p.metrics))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if p.gzipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver answered %s", resp.Status)
	}
	return nil
}
