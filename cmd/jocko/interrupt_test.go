package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/travisjeffery/jocko/jockotest"
)

// startCommand runs a command line in this process until its context is cancelled, as an interrupt does.
func startCommand(t *testing.T, in io.Reader, out io.Writer, args ...string) (interrupt func(), wait func() (stderr string, err error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	root := newRoot()
	var stderr bytes.Buffer
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(&stderr)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	return cancel, func() (string, error) {
		err := <-done
		return stderr.String(), err
	}
}

// TestInterrupt interrupts a producer whose input goes on, and a consumer that follows: what was read is sent, what was
// sent is printed, and both say so in the end.
func TestInterrupt(t *testing.T) {
	t.Setenv(bootstrapEnv, testCluster(t))
	topic := "cli-" + strings.ToLower(rand.Text()[:8])
	_, wait := startCommand(t, nil, io.Discard, "topic", "create", topic)
	if stderr, err := wait(); err != nil {
		t.Fatal(err, stderr)
	}

	input, feed := io.Pipe()
	defer feed.Close()
	interruptProducer, waitProducer := startCommand(t, input, io.Discard, "produce", topic)
	printed, out := io.Pipe()
	interruptConsumer, waitConsumer := startCommand(t, nil, out, "consume", topic)

	if _, err := io.WriteString(feed, "one\ntwo\nthr"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(printed)
	for _, want := range []string{"one", "two"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q, %v; want %q", lines.Text(), lines.Err(), want)
		}
	}
	interruptProducer()
	if stderr, err := waitProducer(); !errors.Is(err, context.Canceled) || !strings.HasPrefix(stderr, "sent 2 records, 6 B, to "+topic) {
		t.Errorf("the producer ended with %v and said %q", err, stderr)
	}
	interruptConsumer()
	if stderr, err := waitConsumer(); err != nil || stderr != "" {
		t.Errorf("the consumer ended with %v and said %q", err, stderr)
	}
	_, wait = startCommand(t, nil, io.Discard, "topic", "delete", topic)
	if stderr, err := wait(); err != nil {
		t.Error(err, stderr)
	}
}

// TestInterruptMember interrupts a member that follows: what it printed is committed, and it has left the group.
func TestInterruptMember(t *testing.T) {
	t.Setenv(bootstrapEnv, testCluster(t))
	topic := "cli-" + strings.ToLower(rand.Text()[:8])
	do := func(in string, args ...string) string {
		t.Helper()
		var out strings.Builder
		_, wait := startCommand(t, strings.NewReader(in), &out, args...)
		if stderr, err := wait(); err != nil {
			t.Fatal(args, err, stderr)
		}
		return out.String()
	}
	do("", "topic", "create", topic)
	do("one\ntwo\n", "produce", topic, "--quiet")
	for _, protocol := range []string{groupClassic, groupConsumer} {
		group := topic + "-" + protocol
		printed, out := io.Pipe()
		interrupt, wait := startCommand(t, nil, out, "consume", topic, "--group", group, "--group-protocol", protocol)
		lines := bufio.NewScanner(printed)
		for _, want := range []string{"one", "two"} {
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("%s: read %q, %v; want %q", protocol, lines.Text(), lines.Err(), want)
			}
		}
		interrupt()
		if stderr, err := wait(); err != nil || stderr != "" {
			t.Errorf("%s: ended with %v and said %q", protocol, err, stderr)
		}
		if got := do("", "group", "lag", group, "--by", "group"); !strings.HasSuffix(got, group+"  0\n") {
			t.Errorf("%s: the lag is\n%s", protocol, got)
		}
		do("", "group", "delete", group) // which an active one refuses
	}
	do("", "topic", "delete", topic)
}

// TestNoSuchTopic produces to a topic that doesn't exist, on a cluster that doesn't make it.
func TestNoSuchTopic(t *testing.T) {
	t.Setenv(bootstrapEnv, jockotest.Start(t, jockotest.Config("auto.create.topics.enable", "false")).Addr())
	_, wait := startCommand(t, strings.NewReader("a"), io.Discard, "produce", "nowhere")
	_, err := wait()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) || !strings.Contains(hintFor(err), "jocko topic create") {
		t.Errorf("got %v, and the hint %q", err, hintFor(err))
	}
}
