package broker

import (
	"context"
	"hash/crc32"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// What clients may compress their metrics with: what an OTLP receiver takes.
const (
	telemetryPlain = 0
	telemetryGzip  = 1
)

// maxTelemetryClients bounds the clients that are remembered, as in Kafka; a
// client that was forgotten asks for its subscription again.
const maxTelemetryClients = 16_384

// telemetry remembers which clients push metrics, and when they last did, so
// that each keeps to its interval.
type telemetry struct {
	forward func(terminating bool, gzipped bool, metrics []byte) error

	mu      sync.Mutex
	clients map[protocol.UUID]*telemetryClient
}

// telemetryClient is one client instance.
type telemetryClient struct {
	subscription int32
	interval     time.Duration
	asked        time.Time // for its subscription
	pushed       time.Time
	terminating  bool
}

// software is what a client said of itself with ApiVersions; a connection keeps
// it as its State.
type software struct{ name, version string }

// subscription is what a client is to push.
type subscription struct {
	id       int32
	interval time.Duration
	metrics  []string
}

// GetTelemetrySubscriptions (key 71, KIP-714)
//
//   - Served, like PushTelemetry, only where client.telemetry.otlp.endpoint is
//     set.
//   - Tells a client which metrics to push and how often: everything that the
//     client-metrics configs matching it ask for, at the shortest interval. A
//     client without an id gets one.
//   - Asking again before the interval is over: THROTTLING_QUOTA_EXCEEDED.
func (b *Broker) getTelemetrySubscriptions(_ context.Context, rq *Request, m *protocol.GetTelemetrySubscriptionsRequest) *protocol.GetTelemetrySubscriptionsResponse {
	resp := &protocol.GetTelemetrySubscriptionsResponse{}
	id := m.ClientInstanceId
	if id == (protocol.UUID{}) {
		id = b.NewID()
	}
	s := b.subscriptionOf(rq, id)
	now := rq.Started
	b.telemetry.mu.Lock()
	defer b.telemetry.mu.Unlock()
	c := b.telemetry.clients[id]
	if c != nil && c.subscription == s.id && now.Sub(c.asked) < c.interval && now.Sub(c.pushed) < c.interval {
		resp.ErrorCode = int16(protocol.ErrThrottlingQuotaExceeded)
		return resp
	}
	if c == nil {
		c = b.telemetry.addLocked(id, now)
	}
	c.subscription, c.interval, c.asked = s.id, s.interval, now
	resp.ClientInstanceId, resp.SubscriptionId, resp.PushIntervalMs = id, s.id, int32(s.interval/time.Millisecond)
	resp.AcceptedCompressionTypes, resp.DeltaTemporality, resp.RequestedMetrics = []int8{telemetryGzip}, true, s.metrics
	resp.TelemetryMaxBytes = int32(config.TelemetryMaxBytes.In(b.config(rq)))
	return resp
}

// PushTelemetry (key 72, KIP-714)
//
//   - Passes a client's metrics, OTLP as they are, to the receiver.
//   - Refused are another subscription than the client's
//     (UNKNOWN_SUBSCRIPTION_ID), more than telemetry.max.bytes
//     (TELEMETRY_TOO_LARGE), a compression that wasn't offered, a push before
//     its time, and one after the last (INVALID_REQUEST).
func (b *Broker) pushTelemetry(_ context.Context, rq *Request, m *protocol.PushTelemetryRequest) *protocol.PushTelemetryResponse {
	return &protocol.PushTelemetryResponse{ErrorCode: b.code(b.push(rq, m))}
}

func (b *Broker) push(rq *Request, m *protocol.PushTelemetryRequest) error {
	if m.ClientInstanceId == (protocol.UUID{}) {
		return protocol.ErrInvalidRequest
	}
	if err := b.telemetry.admit(m, b.subscriptionOf(rq, m.ClientInstanceId), rq.Started); err != nil {
		return err
	}
	switch {
	case m.CompressionType != telemetryPlain && m.CompressionType != telemetryGzip:
		return protocol.ErrUnsupportedCompressionType
	case int64(len(m.Metrics)) > config.TelemetryMaxBytes.In(b.config(rq)):
		return protocol.ErrTelemetryTooLarge
	case len(m.Metrics) == 0:
		return nil
	}
	return b.telemetry.forward(m.Terminating, m.CompressionType == telemetryGzip, m.Metrics)
}

// admit checks that a push is of a known client, for its subscription, and due.
func (t *telemetry) admit(m *protocol.PushTelemetryRequest, s subscription, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.clients[m.ClientInstanceId]
	switch {
	case c == nil || m.SubscriptionId != s.id:
		return protocol.ErrUnknownSubscriptionId
	case c.terminating:
		return protocol.ErrInvalidRequest
	case !m.Terminating && now.Sub(c.pushed) < c.interval:
		return protocol.ErrThrottlingQuotaExceeded
	}
	c.pushed, c.terminating = now, m.Terminating
	return nil
}

// addLocked makes room by forgetting the clients that were silent for three
// intervals; where none were, all are asked to subscribe again.
func (t *telemetry) addLocked(id protocol.UUID, now time.Time) *telemetryClient {
	if len(t.clients) >= maxTelemetryClients {
		for other, c := range t.clients {
			if now.Sub(c.asked) > 3*c.interval && now.Sub(c.pushed) > 3*c.interval {
				delete(t.clients, other)
			}
		}
	}
	if len(t.clients) >= maxTelemetryClients {
		clear(t.clients)
	}
	c := &telemetryClient{}
	t.clients[id] = c
	return c
}

// subscriptionOf puts together what the configs ask of a client. Its id changes
// when that does.
func (b *Broker) subscriptionOf(rq *Request, id protocol.UUID) subscription {
	s := subscription{interval: config.ClientIntervalMs.In(nil), metrics: []string{}}
	matched := false
	for r, own := range rq.Image.Configs() {
		if r.Type != metadata.ClientMetricsResource || !matches(config.ClientMatch.In(config.Map(own)), rq, id) {
			continue
		}
		if interval := config.ClientIntervalMs.In(config.Map(own)); !matched || interval < s.interval {
			s.interval = interval
		}
		matched = true
		s.metrics = append(s.metrics, config.ClientMetrics.In(config.Map(own))...)
	}
	slices.Sort(s.metrics)
	s.metrics = slices.Compact(s.metrics)
	if slices.Contains(s.metrics, "*") {
		s.metrics = []string{""} // an empty prefix is all metrics
	}
	s.id = int32(crc32.ChecksumIEEE([]byte(id.String() + s.interval.String() + strings.Join(s.metrics, ","))))
	return s
}

// matches tells whether every pattern of a subscription fits the client.
func matches(patterns []string, rq *Request, id protocol.UUID) bool {
	for _, p := range patterns {
		name, pattern, _ := strings.Cut(p, "=")
		re, err := config.CompilePattern(strings.TrimSpace(pattern))
		if err != nil || !re.Matches(clientAttribute(strings.TrimSpace(name), rq, id)) {
			return false
		}
	}
	return true
}

func clientAttribute(name string, rq *Request, id protocol.UUID) string {
	said, _ := rq.Conn.State.(software)
	host, port, _ := net.SplitHostPort(rq.Conn.RemoteAddr().String())
	switch name {
	case "client_instance_id":
		return id.String()
	case "client_id":
		return rq.ClientID()
	case "client_software_name":
		return said.name
	case "client_software_version":
		return said.version
	case "client_source_address":
		return host
	case "client_source_port":
		return port
	}
	return ""
}
