package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// report is a section of docs/text-round-trip.md.
func (o *options) report(t *text, results []*result, began time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n", began.UTC().Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "Broker: %s. Machine: %d CPUs, %s/%s. Clients: %s.\n\n", o.brokerVersion(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, clientVersions())
	order := "one after the other"
	if o.together {
		order = "at the same time"
	}
	fmt.Fprintf(&b, "Text: %s; repeated after %d bytes. Runs at a time: %d; the readers of a run read %s. The whole took %s.\n\n",
		&t.facts, t.size, o.atOnce, order, time.Since(began).Round(time.Second))
	b.WriteString("| writer | codec | bytes in | SHA-256 in | MB/s | batches' bytes | batches | read back by | MB/s | result |\n")
	b.WriteString("|---|---|---:|---|---:|---:|---|---|---|---|\n")
	for _, r := range results {
		b.WriteString(r.row())
	}
	for _, r := range results {
		if err := r.failed(); err != nil {
			fmt.Fprintf(&b, "\n```\n%v\n```\n", err)
		}
	}
	return b.String()
}

func (r *result) row() string {
	sent, sum, rate, size, batches := "-", "-", "-", "-", "-"
	if r.sent != nil {
		sent, sum = fmt.Sprint(r.sent.bytes), fmt.Sprintf("`%x`", r.sent.sum.Sum(nil)[:8])
		rate = megabytes(r.sent.bytes, r.took)
	}
	if r.stored != nil {
		size, batches = fmt.Sprint(r.stored.bytes), r.stored.codecs()
	}
	var names, rates, outcomes []string
	for _, rd := range r.reads {
		names = append(names, rd.reader.name)
		rates = append(rates, megabytes(rd.got.bytes, rd.took))
		outcomes = append(outcomes, verdict(rd.err))
	}
	if r.err != nil {
		outcomes = append(outcomes, "**FAILED**")
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.writer.name, r.codec, sent, sum, rate, size, batches,
		strings.Join(names, ", "), strings.Join(rates, ", "), strings.Join(outcomes, ", "))
}

func verdict(err error) string {
	if err != nil {
		return "**different**"
	}
	return "same"
}

func megabytes(bytes int64, took time.Duration) string {
	return fmt.Sprintf("%.0f", float64(bytes)/1e6/took.Seconds())
}

// brokerVersion names the broker as it names itself.
func (o *options) brokerVersion() string {
	if brokers.Kind(o.target) != brokers.Jocko {
		return "Apache Kafka 4.4.0"
	}
	binary, err := brokers.BuildJocko(context.Background())
	if err != nil {
		return o.target
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil {
		return o.target
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

var kcatVersion = regexp.MustCompile(`(?s)Version (\S+).*librdkafka (\S+)`)

func clientVersions() string {
	names := []string{"Kafka's Java clients 4.4.0"}
	if out, err := exec.Command("kcat", "-V").Output(); err == nil {
		if m := kcatVersion.FindSubmatch(out); m != nil {
			names = append(names, fmt.Sprintf("kcat %s with librdkafka %s", m[1], m[2]))
		}
	}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return strings.Join(names, ", ")
	}
	for _, m := range info.Deps {
		switch m.Path {
		case "github.com/twmb/franz-go", "github.com/IBM/sarama", "github.com/segmentio/kafka-go":
			names = append(names, m.Path[strings.LastIndexByte(m.Path, '/')+1:]+" "+m.Version)
		}
	}
	return strings.Join(names, ", ")
}
