package interop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// TestStreams runs a word count that is killed in the middle and started again, and then resets it.
func TestStreams(t *testing.T) {
	t.Parallel()
	w := newWordCount(t)
	first := w.start("first")
	w.write(300)
	w.read(w.words / 3)
	w.write(300)
	first.Kill()
	second := w.start("second")
	w.write(100)
	w.read(w.words)
	w.counted()
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
	w.reset()
}

// wordCount is the application and what it has counted.
type wordCount struct {
	t             *testing.T
	id, state     string
	input, output string
	classes, jars string
	cl            *kgo.Client // writes the input and reads the output, committed records alone
	words         int         // written so far
	want          map[string]int
	got           map[string][]int // the counts of each word as they came
	records       int
}

func newWordCount(t *testing.T) *wordCount {
	t.Helper()
	w := &wordCount{
		t: t, id: topicName(t), state: t.TempDir(), input: newTopic(t, 2), output: newTopic(t, 2), classes: t.TempDir(),
		want: map[string]int{}, got: map[string][]int{},
	}
	var err error
	if w.jars, err = brokers.ToolsJars.ClassPath(t.Context()); err != nil {
		t.Fatal(err)
	}
	output(t, exec.Command("javac", "-cp", w.jars, "-d", w.classes, "java/WordCount.java"), "")
	w.cl, err = kgo.NewClient(kgo.SeedBrokers(target(t).Addr), kgo.ConsumeTopics(w.output),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cl.Close)
	return w
}

func (w *wordCount) start(name string) *daemon {
	w.t.Helper()
	cmd := brokers.Java(context.Background(), w.classes+":"+w.jars, "WordCount", target(w.t).Addr, w.id, w.state, w.input, w.output)
	return startDaemon(w.t, name, cmd)
}

// write adds n lines of five words out of twenty.
func (w *wordCount) write(n int) {
	w.t.Helper()
	var recs []*kgo.Record
	for range n {
		line := make([]string, 5)
		for i := range line {
			line[i] = fmt.Sprintf("word-%d", rand.IntN(20))
			w.want[line[i]]++
			w.words++
		}
		recs = append(recs, &kgo.Record{Topic: w.input, Value: []byte(strings.Join(line, " "))})
	}
	if err := w.cl.ProduceSync(w.t.Context(), recs...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// read waits until the output holds n records or more.
func (w *wordCount) read(n int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for w.records < n {
		f := w.cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			w.t.Fatalf("%d of %d counts: %v", w.records, n, err)
		}
		f.EachRecord(func(r *kgo.Record) {
			count, err := strconv.Atoi(string(r.Value))
			if err != nil {
				w.t.Error(err)
			}
			w.got[string(r.Key)] = append(w.got[string(r.Key)], count)
			w.records++
		})
	}
}

// counted fails the test unless each word was counted up from one without a gap or a repetition.
func (w *wordCount) counted() {
	w.t.Helper()
	for word, n := range w.want {
		counts := w.got[word]
		if len(counts) != n {
			w.t.Errorf("%s: %d counts, want %d", word, len(counts), n)
		}
		for i, c := range counts {
			if c != i+1 {
				w.t.Errorf("%s: count %d has the value %d", word, i+1, c)
				break
			}
		}
	}
	if len(w.got) != len(w.want) {
		w.t.Errorf("%d words counted, want %d", len(w.got), len(w.want))
	}
}

// reset runs the reset tool: the input is to be read again, and the application's topics go.
func (w *wordCount) reset() {
	t := w.t
	t.Helper()
	before := groupOffsets(t, w.id, w.input)
	if before == 0 {
		t.Error("the application has committed nothing")
	}
	// The threads of an application don't leave its group when it stops: their sessions must end.
	admin(t, func(adm *kadm.Client) {
		within(t, groupDeadline, func() error {
			groups, err := adm.DescribeGroups(t.Context(), w.id)
			if err == nil && groups[w.id].State != "Empty" {
				err = fmt.Errorf("the group is %s", groups[w.id].State)
			}
			return err
		})
	})
	tool(t, "", "streams-reset", "--bootstrap-server", target(t).Addr, "--application-id", w.id, "--input-topics", w.input)
	if after := groupOffsets(t, w.id, w.input); after != 0 {
		t.Errorf("offsets of %d input records are committed after the reset", after)
	}
	admin(t, func(adm *kadm.Client) {
		within(t, groupDeadline, func() error {
			topics, err := adm.ListTopics(t.Context())
			if err != nil {
				return err
			}
			for _, name := range topics.Names() {
				if strings.HasPrefix(name, w.id+"-KSTREAM") {
					return fmt.Errorf("%s is still there", name)
				}
			}
			return nil
		})
	})
}
