package broker_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/jockotest"
)

func ask[R protocol.Message](t *testing.T, s *script, key protocol.Key, version int16, req protocol.Message) R {
	t.Helper()
	resp, err := s.send(key, version, req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.(R)
}

func TestClientMetricsReachTheReceiver(t *testing.T) {
	got := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("Content-Type") + " " + r.Header.Get("Content-Encoding") + " " + string(body)
	}))
	defer receiver.Close()
	s := &script{broker: jockotest.Start(t, jockotest.Config("client.telemetry.otlp.endpoint", receiver.URL))}
	defer s.hangUp()
	value := func(v string) *string { return &v }
	ask[*protocol.IncrementalAlterConfigsResponse](t, s, protocol.IncrementalAlterConfigs, 1, &protocol.IncrementalAlterConfigsRequest{
		Resources: []protocol.IncrementalAlterConfigsRequestAlterConfigsResource{{
			ResourceType: 16, ResourceName: "all",
			Configs: []protocol.IncrementalAlterConfigsRequestAlterableConfig{{Name: "metrics", Value: value("*")}, {Name: "match", Value: value("client_id=scr.*")}},
		}},
	})

	sub := ask[*protocol.GetTelemetrySubscriptionsResponse](t, s, protocol.GetTelemetrySubscriptions, 0, &protocol.GetTelemetrySubscriptionsRequest{})
	if sub.ErrorCode != 0 || sub.ClientInstanceId == (protocol.UUID{}) || len(sub.RequestedMetrics) != 1 || sub.RequestedMetrics[0] != "" || sub.PushIntervalMs != 300_000 {
		t.Fatalf("subscription: %+v", sub)
	}
	push := &protocol.PushTelemetryRequest{ClientInstanceId: sub.ClientInstanceId, SubscriptionId: sub.SubscriptionId, CompressionType: 1, Metrics: []byte("otlp")}
	steps := []struct {
		name   string
		change func(*protocol.PushTelemetryRequest)
		want   protocol.Error
	}{
		{"another subscription", func(p *protocol.PushTelemetryRequest) { p.SubscriptionId++ }, protocol.ErrUnknownSubscriptionId},
		{"no id", func(p *protocol.PushTelemetryRequest) { p.ClientInstanceId = protocol.UUID{} }, protocol.ErrInvalidRequest},
		{"in time", func(*protocol.PushTelemetryRequest) {}, 0},
		{"too soon", func(*protocol.PushTelemetryRequest) {}, protocol.ErrThrottlingQuotaExceeded},
		{"the last", func(p *protocol.PushTelemetryRequest) { p.Terminating, p.Metrics = true, nil }, 0},
		{"after the last", func(p *protocol.PushTelemetryRequest) { p.Terminating = true }, protocol.ErrInvalidRequest},
	}
	for _, step := range steps {
		p := *push
		step.change(&p)
		if resp := ask[*protocol.PushTelemetryResponse](t, s, protocol.PushTelemetry, 0, &p); protocol.Error(resp.ErrorCode) != step.want {
			t.Errorf("%s: %v, want %v", step.name, protocol.Error(resp.ErrorCode), step.want)
		}
	}
	if text := <-got; text != "application/x-protobuf gzip otlp" {
		t.Errorf("the receiver got %q", text)
	}
}

func TestNoReceiverNoTelemetry(t *testing.T) {
	s := &script{broker: jockotest.Start(t)}
	defer s.hangUp()
	resp := ask[*protocol.ApiVersionsResponse](t, s, protocol.ApiVersions, 0, &protocol.ApiVersionsRequest{})
	for _, k := range resp.ApiKeys {
		if k.ApiKey == int16(protocol.GetTelemetrySubscriptions) || k.ApiKey == int16(protocol.PushTelemetry) {
			t.Errorf("key %d is advertised without a receiver", k.ApiKey)
		}
	}
	if _, err := s.send(protocol.PushTelemetry, 0, &protocol.PushTelemetryRequest{}); err == nil {
		t.Error("PushTelemetry was answered without a receiver")
	}
}
