package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func newPerf() *cobra.Command {
	return group("perf", "Measure throughput and latency of a cluster", newPerfProduce(), newPerfConsume(), newPerfLatency())
}

// perfResult is what a perf command prints with --format json. Fields that don't apply are left out.
type perfResult struct {
	Test             string         `json:"test"` // produce, consume or latency
	Topic            string         `json:"topic"`
	Records          int64          `json:"records"`
	Bytes            int64          `json:"bytes"` // of values (and keys)
	Seconds          float64        `json:"seconds"`
	RecordsPerSecond float64        `json:"records_per_second"`
	BytesPerSecond   float64        `json:"bytes_per_second"`
	Failed           int64          `json:"failed,omitempty"`
	Latency          *latencyResult `json:"latency_ms,omitempty"`
	Late             *latencyResult `json:"late_ms,omitempty"` // how long after its time a record was handed to the client
}

type latencyResult struct {
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	P9999 float64 `json:"p99_99"`
	Max   float64 `json:"max"`
}

func newPerfResult(test, topic string, records, bytes int64, took time.Duration) *perfResult {
	seconds := max(took.Seconds(), 1e-9)
	return &perfResult{
		Test: test, Topic: topic, Records: records, Bytes: bytes, Seconds: seconds,
		RecordsPerSecond: float64(records) / seconds, BytesPerSecond: float64(bytes) / seconds,
	}
}

func newLatencyResult(h *histogram) *latencyResult {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return &latencyResult{
		Mean: ms(h.mean()), P50: ms(h.quantile(0.5)), P90: ms(h.quantile(0.9)), P99: ms(h.quantile(0.99)),
		P999: ms(h.quantile(0.999)), P9999: ms(h.quantile(0.9999)), Max: ms(h.max),
	}
}

func (r *perfResult) print(w io.Writer, format outputFormat) error {
	if format.json() {
		return writeJSON(w, r)
	}
	_, err := fmt.Fprintf(w, "%s %s: %s, %s in %.3f s (%s/s, %.0f records/s)\n", r.Test, r.Topic, plural(r.Records, "record"), humanBytes(r.Bytes),
		r.Seconds, humanBytes(int64(r.BytesPerSecond)), r.RecordsPerSecond)
	if r.Latency != nil && err == nil {
		_, err = fmt.Fprintf(w, "latency  %s\n", r.Latency)
	}
	if r.Late != nil && err == nil {
		_, err = fmt.Fprintf(w, "late     %s\n", r.Late)
	}
	return err
}

func (l *latencyResult) String() string {
	return fmt.Sprintf("p50 %.3f  p90 %.3f  p99 %.3f  p99.9 %.3f  p99.99 %.3f  max %.3f  mean %.3f ms", l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max, l.Mean)
}
