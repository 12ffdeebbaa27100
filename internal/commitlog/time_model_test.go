package commitlog

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// timeModel is the timestamps of a log's records, by offset.
type timeModel struct {
	times []int64
	start int
}

// at is the first record at or after a time.
func (m *timeModel) at(timestamp int64) int {
	for o := m.start; o < len(m.times); o++ {
		if m.times[o] >= timestamp {
			return o
		}
	}
	return -1
}

// largest is the first record with the largest timestamp, of those that have one.
func (m *timeModel) largest() int {
	best := -1
	for o := m.start; o < len(m.times); o++ {
		if m.times[o] >= 0 && (best < 0 || m.times[o] > m.times[best]) {
			best = o
		}
	}
	return best
}

// retained is where the log begins once segments older than a moment are gone.
func (m *timeModel) retained(segments []SegmentInfo, oldest int64) int {
	for i, s := range segments {
		end := len(m.times)
		if i+1 < len(segments) {
			end = int(segments[i+1].Base)
		}
		largest := int64(-1)
		for _, ts := range m.times[s.Base:end] {
			largest = max(largest, ts)
		}
		if largest >= oldest || largest < 0 || s.Size == 0 {
			return max(m.start, int(s.Base))
		}
	}
	return len(m.times)
}

func (m *timeModel) check(l *Log) error {
	for _, ts := range append([]int64{0, 1, 2, 999, 1000, 5000, 1 << 40}, m.times...) {
		found, ok, err := l.OffsetForTimestamp(max(ts, 0))
		want := m.at(max(ts, 0))
		if err != nil || ok != (want >= 0) || ok && int(found.Offset) != want {
			return fmt.Errorf("at %d: offset %d, %v, %v; want %d", ts, found.Offset, ok, err, want)
		}
	}
	found, ok, err := l.MaxTimestamp()
	if want := m.largest(); err != nil || ok != (want >= 0) || ok && int(found.Offset) != want {
		return fmt.Errorf("the largest: offset %d, %v, %v; want %d", found.Offset, ok, err, want)
	}
	return nil
}

// oddTime draws timestamps that repeat, go back, and are 0 or missing.
func oddTime(rnd *rand.Rand, style int) int64 {
	switch style {
	case 0:
		return []int64{0, 0, -1, 1000}[rnd.IntN(4)]
	case 1:
		return max(5000-rnd.Int64N(5000), 0)
	case 2:
		return []int64{-1, 0}[rnd.IntN(2)]
	}
	return rnd.Int64N(1 << rnd.IntN(14))
}

// damageIndex spoils one index file of a folder, as a lost or misplaced write does.
func damageIndex(t *testing.T, fs vfs.FS, folder string, rnd *rand.Rand) string {
	t.Helper()
	var names []string
	for _, name := range sorted(files(t, fs, folder)) {
		if strings.HasSuffix(name, timeIndexSuffix) || strings.HasSuffix(name, indexSuffix) && rnd.IntN(3) == 0 {
			names = append(names, name)
		}
	}
	name := names[rnd.IntN(len(names))]
	b, err := vfs.ReadFile(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	how := ""
	switch n := rnd.IntN(6); {
	case n == 0:
		how, b = "emptied", nil
	case n == 1:
		how, b = "longer by zeros", append(b, make([]byte, 1+rnd.IntN(40))...)
	case n == 2 && len(b) > 0:
		at := rnd.IntN(len(b))
		how, b[at] = fmt.Sprintf("flipped at %d", at), b[at]^byte(1+rnd.IntN(255))
	case n == 3 && len(b) > 0:
		how, b = "cut", b[:rnd.IntN(len(b))]
	case n == 4 && len(b) > 12:
		how, b = "cut to an entry", b[:12*rnd.IntN(len(b)/12)]
	default:
		how = "zeros"
		clear(b)
	}
	put(t, fs, name, string(b))
	return filepath.Base(name) + " " + how
}

// TestTimesBesideModel compares look-ups by time, and retention, with the records' timestamps, over restarts that find an index
// damaged. Timestamps are 0, equal, missing and decreasing.
func TestTimesBesideModel(t *testing.T) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		fs, opt, m := vfs.NewVolatile(), testOptions("/a"), &timeModel{}
		opt.Config.SegmentBytes, opt.Config.IndexInterval, opt.Config.RetentionAge = 2000, 150, -1
		cfg := opt.Config
		opt.ConfigFor = func(TP) LogConfig { return cfg }
		d := openDirs(t, fs, opt)
		l := createLog(t, d, "t", opt.Config)
		trail := ""
		for step := range 6 {
			style := rnd.IntN(4)
			for range rnd.IntN(25) {
				ts := oddTime(rnd, style)
				n := 1 + rnd.IntN(3)
				mustAppend(t, l, batch(n, 50+rnd.IntN(100), ts))
				for i := range n {
					m.times = append(m.times, ts+int64(i))
				}
			}
			l.UpdateHighWatermark(l.End())
			if rnd.IntN(4) == 0 {
				m.start += rnd.IntN(len(m.times) - m.start + 1)
				if err := l.SetStart(record.Offset(m.start)); err != nil {
					t.Fatal(err)
				}
			}
			restart := rnd.IntN(3)
			trail += fmt.Sprintf("; step %d: %d records, start %d, restart %d", step, len(m.times), m.start, restart)
			if err := m.check(l); err != nil {
				t.Fatalf("seed %d%s: %v", seed, trail, err)
			}
			if restart > 0 {
				if restart == 1 {
					if err := d.Close(); err != nil {
						t.Fatal(err)
					}
				} else {
					if err := l.Flush(); err != nil {
						t.Fatal(err)
					}
					if err := l.dir.checkpointer.writeNow(allCheckpoints); err != nil {
						t.Fatal(err)
					}
					d.unlock()
				}
				if len(m.times) > 0 && rnd.IntN(3) > 0 {
					trail += ", " + damageIndex(t, fs, "/a/t-0", rnd)
				}
				d = openDirs(t, fs, opt)
				l = d.Get(TP{"t", 0})
				l.UpdateHighWatermark(l.End())
				if l.Err() != nil || int(l.End()) != len(m.times) || int(l.Start()) != m.start {
					t.Fatalf("seed %d%s: %v, %d to %d, want %d to %d", seed, trail, l.Err(), l.Start(), l.End(), m.start, len(m.times))
				}
			}
			if rnd.IntN(2) == 0 {
				m.retain(t, l, opt.Now().UnixMilli(), rnd.Int64N(4000), fmt.Sprintf("seed %d%s", seed, trail))
			}
			if err := m.check(l); err != nil {
				t.Fatalf("seed %d%s: after it: %v", seed, trail, err)
			}
		}
	}
}

// retain lets what is older than a moment expire.
func (m *timeModel) retain(t *testing.T, l *Log, now, oldest int64, what string) {
	t.Helper()
	c := l.Config()
	keep := c
	c.RetentionAge = time.Duration(now-oldest) * time.Millisecond
	l.SetConfig(c)
	below := 0 // segments below the start go whatever their age
	segments := l.Segments()
	for below+1 < len(segments) && int(segments[below+1].Base) <= m.start {
		below++
	}
	if m.start == len(m.times) {
		below = len(segments)
	}
	want := max(m.start, m.retained(segments[below:], oldest))
	if _, err := l.Retain(); err != nil {
		t.Fatal(err)
	}
	l.SetConfig(keep)
	if int(l.Start()) != want {
		t.Fatalf("%s: with the oldest at %d the log begins at %d, want %d", what, oldest, l.Start(), want)
	}
	m.start = want
}

// TestTimeEntriesOfZeros: a first entry of timestamp 0 and offset 0 is an entry, unless more zeros follow.
func TestTimeEntriesOfZeros(t *testing.T) {
	zero, more := timeEntry{}, timeEntry{5, 2}
	for _, test := range []struct {
		file, want []timeEntry
		ok         bool
	}{
		{[]timeEntry{zero}, []timeEntry{zero}, true},
		{[]timeEntry{zero, more}, []timeEntry{zero, more}, true},
		{[]timeEntry{zero, more, zero}, []timeEntry{zero, more}, true},
		{[]timeEntry{zero, zero}, nil, true},
		{[]timeEntry{zero, zero, more}, nil, false},
	} {
		got, ok := decodeTimeEntries(encodeTimeEntries(nil, test.file))
		if !slices.Equal(got, test.want) || ok != test.ok {
			t.Errorf("%v is read as %v, %v; want %v, %v", test.file, got, ok, test.want, test.ok)
		}
	}
}
