package txn

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the scripts expect")

// TestScripts runs the scripts in testdata: requests to the coordinator, and what
// comes of them. A block is one or more commands, a line ----, and their answers,
// each followed by the records it left in the log and the markers it caused. A
// producer is written P=id: the answer is called P from then on. Commands:
//
//	feature N                               the level of transaction.version
//	init ID [timeout=MS] [current=P] [P=]   InitProducerId
//	add ID P PARTITION... [v=2]             AddPartitionsToTxn
//	verify ID P PARTITION...                the same, verify only
//	end ID P commit|abort [v=2] [P=]        EndTxn
//	jump ID EPOCH                           an id's epoch, as if it had been used often
//	describe ID
//	list [state=] [pid=] [longer=MS] [pattern=]
//	sleep DURATION
//	in DURATION markers ...                 later
//	markers hold|release|ERROR              what becomes of markers from now on
//	restart                                 the log stays
//	state
func TestScripts(t *testing.T) {
	for _, path := range scripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runScript(t, path) })
		})
	}
}

func scripts(t *testing.T) []string {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	return paths
}

// block is what stands between empty lines of a script.
type block struct{ text, commands, want string }

func parse(t *testing.T, path string) []block {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	for _, b := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		commands, want, found := strings.Cut(b, "\n----")
		if !found {
			out = append(out, block{text: b})
			continue
		}
		out = append(out, block{b, commands, strings.TrimPrefix(want, "\n")})
	}
	return out
}

func runScript(t *testing.T, path string) {
	s := newScript(t)
	defer s.stop()
	var out []string
	for _, b := range parse(t, path) {
		if b.commands == "" {
			out = append(out, b.text)
			continue
		}
		var answers []string
		for _, line := range strings.Split(b.commands, "\n") {
			if a := s.run(strings.Fields(line)); a != "" {
				answers = append(answers, a)
			}
			synctest.Wait()
			answers = append(answers, s.news()...)
		}
		got := strings.Join(answers, "\n")
		if got != b.want && !*rewrite {
			t.Errorf("%s\n---- want\n%s\n---- got\n%s", b.commands, b.want, got)
		}
		out = append(out, strings.TrimSpace(b.commands+"\n----\n"+got))
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// script is a rig and the names that a script has given to producers.
type script struct {
	*rig
	producers map[string]Producer
	seen      int   // records that were shown
	sent      int   // markers
	err       error // of the last command
}

func newScript(t *testing.T) *script {
	return &script{rig: newRig(t), producers: make(map[string]Producer)}
}

// options are the words of a command: key=value, or a word alone.
type options map[string]string

func (o options) num(key string, none int) int64 {
	n, err := strconv.ParseInt(cmp.Or(o[key], strconv.Itoa(none)), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// run runs a command and returns its answer.
func (s *script) run(words []string) string {
	opt := make(options)
	var plain []string
	for _, w := range words[1:] {
		k, v, named := strings.Cut(w, "=")
		if named {
			opt[k] = v
		} else {
			plain = append(plain, w)
		}
	}
	s.err = nil
	switch words[0] {
	case "#":
	case "feature":
		s.setFeature(int16(s.number(plain[0])))
	case "sleep":
		time.Sleep(s.duration(plain[0]))
	case "in":
		time.AfterFunc(s.duration(plain[0]), func() { s.markers.set(plain[2]) })
	case "markers":
		s.markers.set(plain[0])
	case "restart":
		s.stop()
		s.start()
	case "state":
		return s.state()
	case "jump":
		s.err = s.jump(plain[0], record.ProducerEpoch(s.number(plain[1])))
	default:
		return s.ask(words[0], plain, opt)
	}
	return ""
}

// ask runs a request.
func (s *script) ask(command string, words []string, opt options) string {
	ctx := context.Background()
	version := int16(opt.num("v", 2))
	var p Producer
	switch command {
	case "init":
		current := NoProducer
		if name, ok := opt["current"]; ok {
			current = s.producers[name]
		}
		p, s.err = s.c.InitProducerID(ctx, words[0], int32(opt.num("timeout", 60000)), current)
		return s.answer(opt, p)
	case "add":
		s.err = s.c.AddPartitions(ctx, words[0], s.producers[words[1]], partitions(words[2:]), version, nil)
		return errName(s.err)
	case "verify":
		var each []error
		each, s.err = s.c.Verify(ctx, words[0], s.producers[words[1]], partitions(words[2:]))
		out := errName(s.err)
		for i, e := range each {
			out += fmt.Sprintf(" %s:%s", words[2+i], errName(e))
		}
		return out
	case "end":
		p, s.err = s.c.EndTxn(ctx, words[0], s.producers[words[1]], words[2] == "commit", version)
		return s.answer(opt, p)
	case "describe":
		var d Description
		d, s.err = s.c.Describe(ctx, words[0])
		if s.err != nil {
			return errName(s.err)
		}
		return fmt.Sprintf("%v %d/%d timeout=%d started=%t %v", d.State, d.Producer.ID, d.Producer.Epoch, d.TimeoutMs, d.StartMs >= 0, d.Partitions)
	case "list":
		return s.list(opt)
	}
	panic("unknown command " + command)
}

func (s *script) list(opt options) string {
	f := Filter{DurationMs: opt.num("longer", -1), Pattern: opt["pattern"]}
	if v, ok := opt["state"]; ok {
		f.States = strings.Split(v, ",")
	}
	if _, ok := opt["pid"]; ok {
		f.ProducerIDs = []int64{opt.num("pid", 0)}
	}
	ids, unknown, err := s.c.List(context.Background(), f)
	if s.err = err; err != nil {
		return errName(err)
	}
	var out []string
	for _, l := range ids {
		out = append(out, fmt.Sprintf("%s:%d:%v", l.TransactionalID, l.Producer, l.State))
	}
	return strings.TrimSpace(fmt.Sprintf("%v unknown=%v", out, unknown))
}

// answer shows a producer and gives it the name that the command has for it.
func (s *script) answer(opt options, p Producer) string {
	if s.err != nil {
		return errName(s.err)
	}
	for name, v := range opt {
		if v == "" {
			s.producers[name] = p
		}
	}
	return fmt.Sprintf("%d/%d", p.ID, p.Epoch)
}

// news are the records and the markers since it was called last.
func (s *script) news() []string {
	var out []string
	all := s.records()
	for _, r := range all[s.seen:] {
		out = append(out, "  log "+r.String())
	}
	s.seen = len(all)
	markers := s.markers.list()
	for _, m := range markers[s.sent:] {
		out = append(out, "  marker "+m)
	}
	s.sent = len(markers)
	return out
}

func (s *script) number(w string) int64 {
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *script) duration(w string) time.Duration {
	d, err := time.ParseDuration(w)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func partitions(words []string) []Partition {
	var out []Partition
	for _, w := range words {
		i := strings.LastIndexByte(w, '-')
		n, err := strconv.Atoi(w[i+1:])
		if err != nil {
			panic(err)
		}
		out = append(out, Partition{w[:i], int32(n)})
	}
	return out
}

func errName(err error) string {
	if err == nil {
		return "ok"
	}
	return protocol.Error(protocol.CodeOf(err)).Name()
}

// state is every transactional id, as the machine has it.
func (s *script) state() string {
	var out []string
	for id, f := range s.machineState() {
		out = append(out, fmt.Sprintf("%s %v", id, f))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
