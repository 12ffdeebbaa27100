package group

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/coordinator/coordtest"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// TestScripts runs the scripts in testdata: requests to the coordinator of one
// partition, time that passes, and what comes of them: answers, records, state. A
// block is one or more commands, a line ----, and what they say. A command whose
// answer waits says it in the block in which it comes. Commands of all groups:
//
//	advance 5s             time passes
//	config KEY=VALUE       a broker config from now on
//	restart                the log is loaded again
//	refuse ERROR           the log takes nothing; without ERROR: again
//	max-bytes 1000         the largest batch
//	hold | release         nothing is committed until
//	state [GROUP]          what the machine holds
//
// A kind of group, and the offsets, bring their own in a file of their own
// (classic_script_test.go): an init that adds to commands, and to printers for
// their records, states and checks. TestScriptsWithFailures runs all of them
// again, with each append failing once.
func TestScripts(t *testing.T) {
	for _, path := range scripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runScript(t, path) })
		})
	}
}

var (
	// commands run a line of a script; what they return is printed. What comes
	// later they print with rig.say.
	commands = map[string]func(r *rig, c command) string{}
	// printers print a record by the type of its key; value is nil for a tombstone.
	printers = map[int16]func(key, value protocol.Record) string{}
	// states print what the machine holds of a group: some lines, or none.
	states []func(m *Machine, group string) []string
	// checks say what was answered as done and isn't so, after the log was loaded.
	checks []func(r *rig, m *Machine) string
)

// command is one line of a script: its words, "" for an empty one, and of those
// that are key=value the values.
type command struct {
	words []string
	opt   map[string]string
}

func parse(line string) command {
	c := command{words: strings.Fields(line), opt: make(map[string]string)}
	for i, w := range c.words {
		if w == `""` {
			c.words[i] = ""
		}
		if k, v, ok := strings.Cut(w, "="); ok {
			c.opt[k] = v
		}
	}
	return c
}

// arg is a word by its place, "" where there is none.
func (c command) arg(i int) string {
	if i < len(c.words) {
		return c.words[i]
	}
	return ""
}

func (c command) num(key string, none int) int {
	n, err := strconv.Atoi(cmp.Or(c.opt[key], strconv.Itoa(none)))
	if err != nil {
		panic(err)
	}
	return n
}

// null is an option that may be missing.
func (c command) null(key string) *string {
	if v, ok := c.opt[key]; ok {
		return &v
	}
	return nil
}

// millis is an option that is a duration, in milliseconds.
func (c command) millis(key, none string) int32 {
	d, err := time.ParseDuration(cmp.Or(c.opt[key], none))
	if err != nil {
		panic(err)
	}
	return int32(d.Milliseconds())
}

// rig is a coordinator over a log in memory, in a synctest bubble.
type rig struct {
	t      *testing.T
	log    *coordtest.Log
	wrap   func(coordinator.Log) coordinator.Log // of log, nil for none
	config map[string]string
	ids    int64
	c      *Coordinator
	stop   func()
	gather prometheus.Gatherer // of c's metrics
	img    atomic.Pointer[metadata.Image]

	mu      sync.Mutex
	said    []string
	printed int // batches of the log
	// done is what was answered as done: for checks.
	done map[string]int32
	// epochs are those that members of consumer groups were told, by group/member.
	epochs map[string]int32
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, log: &coordtest.Log{}, config: make(map[string]string), done: make(map[string]int32), epochs: make(map[string]int32)}
	r.img.Store(metadata.Empty())
	r.apply(
		&protocol.TopicRecord{Name: Topic, TopicId: protocol.UUID{1}},
		&protocol.PartitionRecord{TopicId: protocol.UUID{1}, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, LeaderEpoch: 1},
	)
	r.start()
	return r
}

// apply changes the metadata.
func (r *rig) apply(records ...metadata.Record) {
	prev := r.img.Load()
	next, delta, err := prev.Apply(records)
	if err != nil {
		r.t.Fatal(err)
	}
	r.img.Store(next)
	if r.c != nil {
		r.c.Apply(prev, next, delta)
	}
}

// coordinator returns a coordinator over the rig's log, what stops it, and its
// metrics.
func (r *rig) coordinator() (*Coordinator, func(), prometheus.Gatherer) {
	all, counts := metrics.New(metrics.Options{}), new(metrics.Groups)
	all.GroupCoordinator(counts)
	c := New(Options{
		Self: 1, Image: r.img.Load,
		Log:    r.openLog,
		Config: func() *config.Broker { return config.NewBroker(r.config) },
		NewID:  r.newID, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Metrics: counts, Offsets: new(metrics.Offsets),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Run(ctx) }()
	synctest.Wait()
	return c, func() { cancel(); <-done }, all.Gather()
}

func (r *rig) openLog(int32) (coordinator.Log, error) {
	if r.wrap != nil {
		return r.wrap(r.log), nil
	}
	return r.log, nil
}

func (r *rig) start() { r.c, r.stop, r.gather = r.coordinator() }

func (r *rig) newID() (u protocol.UUID) {
	r.ids++
	binary.BigEndian.PutUint64(u[8:], uint64(r.ids))
	return u
}

// Ids that the rig makes are short in scripts: a-1.
var (
	longID  = regexp.MustCompile(`-00000000-0000-0000-0000-[0-9a-f]{12}`)
	shortID = regexp.MustCompile(`^(.*)-([0-9]+)$`)
)

func shorten(s string) string {
	return longID.ReplaceAllStringFunc(s, func(id string) string {
		n, _ := strconv.ParseInt(id[len(id)-12:], 16, 64)
		return fmt.Sprintf("-%d", n)
	})
}

// id is the whole of a short id.
func (r *rig) id(short string) string {
	m := shortID.FindStringSubmatch(short)
	if m == nil {
		return short
	}
	n, _ := strconv.Atoi(m[2])
	return fmt.Sprintf("%s-00000000-0000-0000-0000-%012x", m[1], n)
}

// say prints a line, in the block in which it comes.
func (r *rig) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, shorten(fmt.Sprintf(format, args...)))
}

// later runs what may wait and prints what it says when it comes.
func (r *rig) later(f func() string) string {
	go func() { r.say("%s", f()) }()
	return ""
}

// run runs a line and returns all that was said.
func (r *rig) run(line string) []string {
	c := parse(line)
	f := commands[c.arg(0)]
	if f == nil {
		r.t.Fatalf("no such command: %s", line)
	}
	if s := f(r, c); s != "" {
		r.say("%s", s)
	}
	synctest.Wait()
	r.mu.Lock()
	out := r.said
	r.said = nil
	r.mu.Unlock()
	slices.Sort(out) // answers that come together have no order
	return append(out, r.records()...)
}

// records prints what was appended since it was last asked.
func (r *rig) records() []string {
	batches := r.log.Batches()
	defer func() { r.printed = len(batches) }()
	var out []string
	for _, b := range batches[r.printed:] {
		if m, ok, err := record.ReadMarker(b); ok && err == nil {
			out = append(out, fmt.Sprintf("marker pid=%d %s", m.ProducerID, map[bool]string{true: "commit", false: "abort"}[m.Type == record.Commit]))
			continue
		}
		rd := record.Read(b, record.Limits{})
		for rd.Next() {
			out = append(out, "record "+shorten(printRecord(rd.Record())))
			r.ended(rd.Record())
		}
		rd.Close()
	}
	return out
}

// ended takes notice of a classic group's tombstone: nothing that was answered as
// done has to be there any longer.
func (r *rig) ended(rec *record.Record) {
	if rec.Value != nil || binary.BigEndian.Uint16(rec.Key) != 2 {
		return
	}
	var d protocol.Decoder
	d.Reset(rec.Key[2:])
	var key protocol.GroupMetadataKey
	if err := key.Decode(&d, 0); err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.done, key.Group)
}

func printRecord(rec *record.Record) string {
	typ := int16(binary.BigEndian.Uint16(rec.Key))
	key, value := new(Machine).Kinds(typ)
	var d protocol.Decoder
	d.Reset(rec.Key[2:])
	_, version := key.Versions()
	err := key.Decode(&d, version)
	if rec.Value == nil {
		value = nil
	} else {
		d.Reset(rec.Value[2:])
		err = errors.Join(err, value.Decode(&d, int16(binary.BigEndian.Uint16(rec.Value))))
	}
	if p := printers[typ]; p != nil && err == nil {
		return p(key, value)
	}
	return fmt.Sprintf("of type %d (%v)", typ, err)
}

// shard is the only one.
func (r *rig) shard() *coordinator.Shard {
	s, err := r.c.ByPartition(0)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// state prints a group, or all.
func (r *rig) state(c *Coordinator, group string) string {
	s, err := c.ByPartition(0)
	if err != nil {
		return err.Error()
	}
	lines, err := coordinator.Read(context.Background(), s, func() []string { return stateOf(s.Machine().(*Machine), group) })
	if err != nil {
		return errorName(err)
	}
	return shorten(strings.Join(lines, "\n"))
}

func stateOf(m *Machine, group string) (lines []string) {
	groups := make(map[string]bool)
	for id := range m.groups {
		groups[id] = true
	}
	for id := range m.offsets.byGroup {
		groups[id] = true
	}
	var ids []string
	for id := range groups {
		if group == "" || id == group {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, print := range states {
			lines = append(lines, print(m, id)...)
		}
	}
	if len(lines) == 0 {
		return []string{"nothing"}
	}
	return lines
}

func errorName(err error) string { return codeName(protocol.CodeOf(err)) }

func codeName(code int16) string {
	if code == 0 {
		return "ok"
	}
	return protocol.Error(code).Name()
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func init() {
	commands["#"] = func(*rig, command) string { return "" }
	commands["advance"] = func(r *rig, c command) string {
		d, err := time.ParseDuration(c.arg(1))
		if err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(d) // virtual
		return ""
	}
	commands["config"] = func(r *rig, c command) string {
		next := make(map[string]string)
		for k, v := range r.config {
			next[k] = v
		}
		for k, v := range c.opt {
			next[k] = v
		}
		r.config = next
		return ""
	}
	commands["restart"] = func(r *rig, c command) string {
		r.stop()
		r.start()
		return ""
	}
	commands["refuse"] = func(r *rig, c command) string {
		var refused error
		for code := range protocol.Error(140) {
			if c.arg(1) != "" && code.Name() == c.arg(1) {
				refused = code
			}
		}
		r.log.Refuse(refused)
		return ""
	}
	commands["max-bytes"] = func(r *rig, c command) string {
		r.log.MaxBytes, _ = strconv.Atoi(c.arg(1))
		return ""
	}
	commands["hold"] = func(r *rig, c command) string { r.log.Hold(); return "" }
	commands["release"] = func(r *rig, c command) string { r.log.Release(); return "" }
	commands["state"] = func(r *rig, c command) string { return r.state(r.c, c.arg(1)) }
}

func scripts(t *testing.T) []string {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	return paths
}

// blocks are a script's blocks: commands and what they are to say. One without
// the latter is a comment.
func blocks(t *testing.T, path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n\n")
}

func runScript(t *testing.T, path string) {
	r := newRig(t)
	defer func() { r.stop() }()
	var out []string
	for _, block := range blocks(t, path) {
		lines, want, found := strings.Cut(block, "\n----")
		if !found {
			out = append(out, block)
			continue
		}
		var said []string
		for _, line := range strings.Split(lines, "\n") {
			said = append(said, r.run(line)...)
		}
		got := strings.Join(said, "\n")
		if want = strings.TrimPrefix(want, "\n"); got != want && !*rewrite {
			t.Errorf("%s\n---- want\n%s\n---- got\n%s", lines, want, got)
		}
		out = append(out, strings.TrimSpace(lines+"\n----\n"+got))
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScriptsWithFailures runs every script once for each of its appends, which
// fails. Then the state is what the log says, what was answered as done is so,
// and the coordinator serves on.
func TestScriptsWithFailures(t *testing.T) {
	for _, path := range scripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			appends := 0
			for n := 0; n <= appends; n++ { // the first run, where none fails, counts them
				synctest.Test(t, func(t *testing.T) { appends = max(appends, runFailing(t, path, n)) })
			}
		})
	}
}

// runFailing runs a script whose n-th append fails, counted from 1, and returns
// how many there were.
func runFailing(t *testing.T, path string, n int) int {
	r := newRig(t)
	defer func() { r.stop() }()
	var failed atomic.Bool
	r.log.Fail = func(i int, _ record.Batch) error {
		if i != n {
			return nil
		}
		failed.Store(true)
		return protocol.ErrKafkaStorageError
	}
	for _, block := range blocks(t, path) {
		lines, _, found := strings.Cut(block, "\n----")
		if !found {
			continue
		}
		for _, line := range strings.Split(lines, "\n") {
			before := failed.Load()
			r.run(line)
			if failed.Load() && !before {
				r.compare(fmt.Sprintf("append %d failed in %q", n, line))
			}
		}
	}
	r.log.Refuse(nil)
	r.log.Release()
	synctest.Wait()
	if s := r.state(r.c, ""); strings.Contains(s, "COORDINATOR") {
		t.Errorf("append %d failed: in the end the coordinator says %s", n, s)
	}
	return r.log.Appends()
}

// compare compares the state with that of another coordinator that loads the
// same log.
func (r *rig) compare(what string) {
	r.t.Helper()
	other, stop, _ := r.coordinator()
	got, want := r.state(r.c, ""), r.state(other, "")
	stop()
	if got != want {
		r.t.Errorf("%s\n---- the log says\n%s\n---- the state is\n%s", what, want, got)
	}
	s := r.shard()
	_, err := coordinator.Read(context.Background(), s, func() bool {
		for _, check := range checks {
			if wrong := check(r, s.Machine().(*Machine)); wrong != "" {
				r.t.Errorf("%s: %s", what, wrong)
			}
		}
		return true
	})
	if err != nil {
		r.t.Errorf("%s: %v", what, err)
	}
}
