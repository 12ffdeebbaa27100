package commitlog

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the scripts expect")

// TestCleanerScripts runs the scripts in testdata/cleaner: blocks of commands and what they print.
//
//	config segment.bytes=N min.lag=D max.lag=D delete.retention=D ratio=F dedupe=N index.interval=N
//	append [zstd] [pid=N:EPOCH:SEQ] [txn] a=1 b   a batch: a has the value 1, b none (a tombstone); -=1 has no key
//	commit|abort N:EPOCH              a marker
//	roll | tick D | hw N | hw end | truncate N | reopen | crash
//	clean                             compacts now
//	due                               what the cleaner thinks of the log
//	dump | producers | aborted
func TestCleanerScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/cleaner/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := runCleanerScript(t, string(text))
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s prints\n%s", path, got)
			}
		})
	}
}

func runCleanerScript(t *testing.T, text string) string {
	s := newCleanerScript(t)
	var out []string
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		commands, _, found := strings.Cut(block, "\n----")
		if !found {
			out = append(out, block) // a comment
			continue
		}
		var printed strings.Builder
		for _, line := range strings.Split(commands, "\n") {
			printed.WriteString(s.run(line))
		}
		out = append(out, commands+"\n----\n"+strings.TrimSuffix(printed.String(), "\n"))
	}
	return strings.Join(out, "\n\n") + "\n"
}

// cleanerScript is a log with a clock.
type cleanerScript struct {
	t     *testing.T
	fs    *vfs.Mem
	opt   DirsOptions
	cfg   LogConfig
	now   time.Time
	dirs  *Dirs
	log   *Log
	holds bool // the high watermark doesn't follow the end
}

const cleanerTopic = "compacted"

func newCleanerScript(t *testing.T) *cleanerScript {
	s := &cleanerScript{t: t, fs: vfs.NewMem(), now: time.UnixMilli(1000)}
	s.opt = testOptions("/data")
	s.opt.Now = func() time.Time { return s.now }
	s.opt.ProducerExpiry = time.Hour
	s.opt.ConfigFor = func(TP) LogConfig { return s.cfg }
	s.cfg = DefaultLogConfig()
	s.cfg.Delete, s.cfg.Compact = false, true
	s.cfg.IndexInterval = 100
	s.dirs = openDirs(t, s.fs, s.opt)
	s.log = createLog(t, s.dirs, cleanerTopic, s.cfg)
	return s
}

func (s *cleanerScript) check(err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return ""
}

func (s *cleanerScript) run(line string) string {
	f := strings.Fields(line)
	if len(f) == 0 {
		return ""
	}
	switch f[0] {
	case "config":
		s.config(f[1:])
		return ""
	case "append":
		return s.append(f[1:])
	case "commit", "abort":
		return s.marker(f[0] == "commit", f[1])
	case "roll":
		return s.check(s.log.Roll())
	case "tick":
		d, err := time.ParseDuration(f[1])
		s.now = s.now.Add(d)
		return s.check(err)
	case "hw":
		s.holds = f[1] != "end"
		s.log.UpdateHighWatermark(min(s.number(f[1]), s.log.End()))
		return ""
	case "truncate":
		return s.check(s.log.Truncate(s.number(f[1])))
	case "reopen", "crash":
		return s.reopen(f[0] == "crash")
	case "clean":
		return s.check(s.dirs.CleanNow(context.Background(), s.log))
	case "due":
		p, err := s.log.dirtyPart()
		return s.check(err) + fmt.Sprintf("%d to %d, %.2f dirty, waited %v, due %v\n", p.from, p.to, p.ratio(), p.waited, p.due())
	case "dump":
		return printLog(s.t, s.log)
	case "producers":
		return s.producers()
	case "aborted":
		return s.aborted()
	}
	s.t.Fatalf("unknown command %q", line)
	return ""
}

func (s *cleanerScript) number(text string) record.Offset {
	if text == "end" {
		return s.log.End()
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return record.Offset(n)
}

func (s *cleanerScript) config(settings []string) {
	for _, kv := range settings {
		k, v, _ := strings.Cut(kv, "=")
		d, _ := time.ParseDuration(v)
		n, _ := strconv.ParseFloat(v, 64)
		switch k {
		case "segment.bytes":
			s.cfg.SegmentBytes = int64(n)
		case "min.lag":
			s.cfg.MinCompactionLag = d
		case "max.lag":
			s.cfg.MaxCompactionLag = d
		case "delete.retention":
			s.cfg.DeleteRetention = d
		case "ratio":
			s.cfg.MinCleanableRatio = n
		case "index.interval":
			s.cfg.IndexInterval = int(n)
		case "dedupe":
			s.opt.Cleaner.DedupeBytes = int64(n)
			s.dirs.SetCleaner(s.opt.Cleaner)
		default:
			s.t.Fatalf("unknown setting %q", kv)
		}
	}
	s.log.SetConfig(s.cfg)
}

func (s *cleanerScript) append(args []string) string {
	codec, pid, epoch, seq, txn := record.None, int64(-1), int64(-1), int64(-1), false
	var records []string
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "pid="); ok {
			if _, err := fmt.Sscanf(v, "%d:%d:%d", &pid, &epoch, &seq); err != nil {
				s.t.Fatal(err)
			}
		} else if c, err := record.ParseCodec(a); err == nil {
			codec = c
		} else if a == "txn" {
			txn = true
		} else {
			records = append(records, a)
		}
	}
	b := record.NewBuilder(codec, 0)
	if pid >= 0 {
		b.SetProducer(record.ProducerID(pid), record.ProducerEpoch(epoch), int32(seq), txn)
	}
	for _, r := range records {
		k, v, has := strings.Cut(r, "=")
		key, value := []byte(k), []byte(v)
		if k == "-" {
			key = nil
		}
		if !has {
			value = nil
		}
		b.Append(s.now.UnixMilli(), key, value)
	}
	return s.appended(s.log.AppendLeader(b.Build(), 0, AppendOptions{}))
}

func (s *cleanerScript) marker(commit bool, producer string) string {
	m := record.Marker{Type: record.Abort, Timestamp: s.now.UnixMilli()}
	if commit {
		m.Type = record.Commit
	}
	if _, err := fmt.Sscanf(producer, "%d:%d", &m.ProducerID, &m.ProducerEpoch); err != nil {
		s.t.Fatal(err)
	}
	return s.appended(s.log.AppendLeader(m.Batch(), 0, AppendOptions{Origin: OriginCoordinator}))
}

func (s *cleanerScript) appended(_ Appended, err error) string {
	if err == nil && !s.holds {
		s.log.UpdateHighWatermark(s.log.End())
	}
	return s.check(err)
}

func (s *cleanerScript) reopen(crash bool) string {
	if crash {
		s.fs = s.fs.Crash(vfs.Synced, 1)
		s.dirs.unlock()
	} else if err := s.dirs.Close(); err != nil {
		return s.check(err)
	}
	s.dirs = openDirs(s.t, s.fs, s.opt)
	if s.log = s.dirs.Get(TP{cleanerTopic, 0}); s.log == nil {
		s.t.Fatal("the log is gone")
	}
	if !s.holds {
		s.log.UpdateHighWatermark(s.log.End())
	}
	return s.check(s.log.Err())
}

func (s *cleanerScript) producers() string {
	var out strings.Builder
	for _, p := range s.log.Producers() {
		fmt.Fprintf(&out, "producer %d epoch %d sequence %d transaction %d\n", p.ID, p.Epoch, p.LastSequence, p.TxnStart)
	}
	return out.String()
}

func (s *cleanerScript) aborted() string {
	txns, err := s.log.AbortedTxns(0, s.log.End())
	var out strings.Builder
	for _, t := range txns {
		fmt.Fprintf(&out, "aborted: producer %d, %d to %d\n", t.ProducerID, t.FirstOffset, t.LastOffset)
	}
	return s.check(err) + out.String()
}

// printLog prints a log's batches by segments. What is read is what a consumer is sent.
func printLog(t *testing.T, l *Log) string {
	t.Helper()
	var out strings.Builder
	segments := l.Segments()
	i := 0
	for rest := readAll(t, l); ; {
		for i < len(segments) && (len(rest) == 0 || record.Batch(rest).BaseOffset() >= segments[i].Base) {
			fmt.Fprintf(&out, "segment %d\n", segments[i].Base)
			i++
		}
		if len(rest) == 0 {
			return out.String()
		}
		b, tail, err := record.Next(rest)
		if err == nil {
			err = b.CheckCRC()
		}
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("  " + printBatch(t, b) + "\n")
		rest = tail
	}
}

func printBatch(t *testing.T, b record.Batch) string {
	s := fmt.Sprintf("%d-%d", b.BaseOffset(), b.LastOffset())
	if b.Codec() != record.None {
		s += " " + b.Codec().String()
	}
	if b.HasProducerID() {
		s += fmt.Sprintf(" pid=%d:%d:%d", b.ProducerID(), b.ProducerEpoch(), b.BaseSequence())
	}
	if b.IsTransactional() {
		s += " txn"
	}
	if ms, ok := b.DeleteHorizon(); ok {
		s += fmt.Sprintf(" horizon=%ds", ms/1000)
	}
	s += ":"
	if m, ok, err := record.ReadMarker(b); err != nil {
		t.Fatal(err)
	} else if ok {
		return s + map[record.ControlType]string{record.Abort: " ABORT", record.Commit: " COMMIT"}[m.Type]
	}
	r := record.Read(b, record.NoLimits)
	defer r.Close()
	for r.Next() {
		rec := r.Record()
		s += fmt.Sprintf(" %d:%s", rec.Offset, rec.Key)
		if rec.Value != nil {
			s += "=" + string(rec.Value)
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return s
}
