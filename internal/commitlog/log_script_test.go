package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestLogScripts runs testdata/log/*.txt: a line that isn't indented is a command, the indented ones after it are what it must
// print. go test -rewrite writes down what it prints.
func TestLogScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/log/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runLogScript(t, string(b))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(b) {
				t.Errorf("%s now reads\n%s", file, got)
			}
		})
	}
}

type logScript struct {
	t     *testing.T
	fs    *vfs.Mem
	opt   DirsOptions
	now   int64
	dirs  *Dirs
	log   *Log
	epoch record.LeaderEpoch

	verified map[string]Verified // verifications that were begun, by name
}

func runLogScript(t *testing.T, text string) string {
	s := &logScript{t: t, fs: vfs.NewMem(), now: 1_000_000, verified: make(map[string]Verified)}
	s.opt = testOptions("/data")
	s.opt.Now = func() time.Time { return time.UnixMilli(s.now) }
	s.opt.Config.SegmentBytes, s.opt.Config.IndexInterval = 1000, 200
	s.dirs = openDirs(t, s.fs, s.opt)
	s.log = createLog(t, s.dirs, "t", s.opt.Config)
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "    ") {
			continue
		}
		out.WriteString(line)
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		for result := range strings.Lines(s.run(line)) {
			out.WriteString("    " + strings.TrimRight(result, "\n") + "\n")
		}
	}
	return out.String()
}

// args are key=value words; a word alone has the value "".
type args map[string]string

func parseArgs(words []string) args {
	a := args{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		a[k] = v
	}
	return a
}

func (a args) number(key string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(a[key], 10, 64); err == nil {
		return n
	}
	return otherwise
}

func (a args) has(key string) bool { _, ok := a[key]; return ok }

func (s *logScript) run(line string) string {
	words := strings.Fields(line)
	a := parseArgs(words[1:])
	numbers := make([]int64, 3)
	for i, w := range words[1:] {
		if n, err := strconv.ParseInt(w, 10, 64); err == nil && i < len(numbers) {
			numbers[i] = n
		}
	}
	o := record.Offset(numbers[0])
	switch words[0] {
	case "config":
		return s.config(a)
	case "clock":
		s.now = numbers[0]
		return ""
	case "leader":
		s.epoch = record.LeaderEpoch(numbers[0])
		s.log.AssignEpochStart(s.epoch, s.log.End())
		return ""
	case "append":
		return s.append(a)
	case "marker":
		return s.marker(a)
	case "verify":
		s.verified[a["as"]] = s.log.BeginVerification(record.ProducerID(a.number("pid", 0)), record.ProducerEpoch(a.number("epoch", 0)), int32(a.number("seq", 0)), a.has("anew"))
		return ""
	case "hw":
		s.log.UpdateHighWatermark(min(max(o, 0), s.log.End()))
		return s.bounds(nil)
	case "start":
		return s.bounds(s.log.SetStart(o))
	case "retain":
		_, err := s.log.Retain()
		return s.bounds(err) + s.segments()
	case "roll":
		return s.bounds(s.log.Roll())
	case "flush":
		return s.bounds(s.log.Flush())
	case "truncate":
		return s.bounds(s.log.Truncate(o))
	case "reset":
		return s.bounds(s.log.TruncateFully(o))
	case "read":
		return s.read(o, int(numbers[1]), record.Offset(numbers[2]))
	case "reopen", "crash":
		return s.reopen(words[0] == "crash")
	default:
		return s.show(words[0], words[1:], numbers)
	}
}

// show runs the commands that change nothing.
func (s *logScript) show(command string, words []string, n []int64) string {
	switch command {
	case "segments":
		return s.segments()
	case "files":
		return s.files()
	case "dump":
		var b bytes.Buffer
		if err := Dump(&b, s.fs, "/data/t-0/"+words[0], DumpOptions{Records: len(words) > 1}); err != nil {
			return err.Error()
		}
		return b.String()
	case "time":
		f, ok, err := s.log.OffsetForTimestamp(n[0])
		return foundAt(f, ok, err)
	case "maxtime":
		f, ok, err := s.log.MaxTimestamp()
		return foundAt(f, ok, err)
	case "epoch":
		e, end := s.log.EpochEnd(record.LeaderEpoch(n[0]))
		return fmt.Sprintf("epoch %d ends at %d", e, end)
	case "aborted":
		txns, err := s.log.AbortedTxns(record.Offset(n[0]), record.Offset(n[1]))
		return strings.Trim(fmt.Sprintf("%+v %v", txns, orNothing(err)), " ")
	case "producers":
		var b strings.Builder
		for _, p := range s.log.Producers() {
			fmt.Fprintf(&b, "%+v\n", p)
		}
		first, open := s.log.FirstUnstable()
		fmt.Fprintf(&b, "first unstable: %d %v\n", first, open)
		return b.String()
	}
	s.t.Fatalf("unknown command %q", command)
	return ""
}

func orNothing(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func foundAt(f TimestampOffset, ok bool, err error) string {
	if err != nil || !ok {
		return "none " + orNothing(err)
	}
	return fmt.Sprintf("offset %d, timestamp %d, epoch %d", f.Offset, f.Timestamp, f.Epoch)
}

// failure is an error as a client sees it, with its reason.
func failure(err error) string {
	var code protocol.Error
	if !errors.As(err, &code) {
		return "error without a code: " + err.Error() + "\n"
	}
	_, reason, _ := strings.Cut(err.Error(), code.Error()+": ")
	return code.Name() + ": " + reason + "\n"
}

func (s *logScript) bounds(err error) string {
	if err != nil {
		return failure(err)
	}
	return fmt.Sprintf("[%d, %d) high watermark %d, recovery point %d\n", s.log.Start(), s.log.End(), s.log.HighWatermark(), s.log.RecoveryPoint())
}

func (s *logScript) config(a args) string {
	c := s.log.Config()
	c.SegmentBytes = a.number("segment.bytes", c.SegmentBytes)
	c.SegmentAge = time.Duration(a.number("segment.ms", c.SegmentAge.Milliseconds())) * time.Millisecond
	c.IndexBytes = int(a.number("segment.index.bytes", int64(c.IndexBytes)))
	c.RetentionBytes = a.number("retention.bytes", c.RetentionBytes)
	if a.has("retention.ms") {
		c.RetentionAge = time.Duration(a.number("retention.ms", 0)) * time.Millisecond
	}
	c.Delete = a["cleanup.policy"] != "compact"
	s.opt.Config = c
	s.log.SetConfig(c)
	return ""
}

func (s *logScript) append(a args) string {
	b := record.NewBuilder(record.None, 0)
	if a.has("pid") {
		b.SetProducer(record.ProducerID(a.number("pid", 0)), record.ProducerEpoch(a.number("epoch", 0)), int32(a.number("seq", 0)), a.has("txn"))
	}
	ts := a.number("ts", s.now)
	for i := range a.number("n", 1) {
		b.Append(ts+i*a.number("step", 0), nil, bytes.Repeat([]byte{'x'}, int(a.number("size", 100))))
	}
	opt := AppendOptions{}
	if a.has("coordinator") {
		opt.Origin = OriginCoordinator
	}
	if a.has("unverified") {
		opt.Verified = NotOngoing
	}
	if v := s.verified[a["verified"]]; v != nil {
		opt.Verified = v
	}
	return s.appended(s.log.AppendLeader(b.Build(), s.epoch, opt))
}

func (s *logScript) marker(a args) string {
	m := record.Marker{
		Type: record.Commit, CoordinatorEpoch: int32(a.number("coordinator", 0)), ProducerID: record.ProducerID(a.number("pid", 0)),
		ProducerEpoch: record.ProducerEpoch(a.number("epoch", 0)), Timestamp: s.now,
	}
	if a.has("abort") {
		m.Type = record.Abort
	}
	opt := AppendOptions{Origin: OriginCoordinator, TransactionVersion: int16(a.number("version", 0))}
	return s.appended(s.log.AppendLeader(m.Batch(), s.epoch, opt))
}

func (s *logScript) appended(a Appended, err error) string {
	if err != nil {
		return failure(err)
	}
	kind := ""
	if a.Duplicate {
		kind = ", a duplicate"
	}
	return fmt.Sprintf("offsets %d to %d%s", a.First, a.Last, kind)
}

func (s *logScript) read(from record.Offset, maxBytes int, until record.Offset) string {
	if until == 0 {
		until = s.log.End()
	}
	b, next, err := s.log.ReadBytes(nil, from, maxBytes, until, true)
	if err != nil {
		return failure(err)
	}
	var out strings.Builder
	for len(b) > 0 {
		one, rest, err := record.Next(b)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&out, "%d to %d, ", one.BaseOffset(), one.LastOffset())
		b = rest
	}
	fmt.Fprintf(&out, "next %d", next)
	return out.String()
}

func (s *logScript) reopen(crash bool) string {
	if crash {
		s.dirs.unlock()
		s.fs = s.fs.Crash(vfs.Synced, 0)
	} else if err := s.dirs.Close(); err != nil {
		return err.Error()
	}
	s.dirs = openDirs(s.t, s.fs, s.opt)
	if s.log = s.dirs.Get(TP{"t", 0}); s.log == nil {
		return "the log is gone"
	}
	return s.bounds(s.log.Err())
}

func (s *logScript) segments() string {
	var b strings.Builder
	for _, i := range s.log.Segments() {
		fmt.Fprintf(&b, "%d: %d bytes\n", i.Base, i.Size)
	}
	return b.String()
}

func (s *logScript) files() string {
	var b strings.Builder
	entries, err := s.fs.ReadDir("/data/t-0")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		info, err := s.fs.Stat("/data/t-0/" + e.Name)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d\n", e.Name, info.Size)
	}
	return b.String()
}
