package sim

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// outcome is what a damaged file may lead to. Whatever it is, nothing is served that was not written, and the partitions
// beside the damaged one are whole.
type outcome uint8

const (
	whole   outcome = 0         // everything is served: the file was made anew, or isn't needed
	refused outcome = 1 << iota // or the partition answers with an error
	stops                       // or the broker does not start, and says why
	cut                         // or the log ends at the damage, which is in the broker's log, and the bytes are kept aside
	aside                       // or the folder is set aside, which is in the broker's log, and the partition begins anew
	forgets                     // or the newest metadata is gone, which is in the broker's log, and no data is removed
)

// fileKinds tells what may come of a file of each kind, after an orderly stop and after a crash.
var fileKinds = []struct {
	name           string
	is             func(name string) bool
	orderly, crash outcome
}{
	{"sealed segment", func(n string) bool { return suffix(n, ".log") && n != active(n) }, refused, refused | cut},
	{"active segment", func(n string) bool { return suffix(n, ".log") && n == active(n) }, refused, refused | cut},
	{"offset index", func(n string) bool { return suffix(n, ".index") }, whole, whole},
	{"time index", func(n string) bool { return suffix(n, ".timeindex") }, whole, whole},
	{"transaction index", func(n string) bool { return suffix(n, ".txnindex") }, whole, whole},
	{"producer snapshot", func(n string) bool { return path.Ext(n) == ".snapshot" && !strings.Contains(n, "__raft") }, whole, whole},
	{"leader epochs", func(n string) bool { return path.Base(n) == "leader-epoch-checkpoint" }, whole, whole},
	{"partition.metadata", func(n string) bool { return path.Base(n) == "partition.metadata" }, aside, aside}, // it has no checksum
	{"recovery points", func(n string) bool { return path.Base(n) == "recovery-point-offset-checkpoint" }, refused, refused},
	{"high watermarks", func(n string) bool { return path.Base(n) == "replication-offset-checkpoint" }, whole, whole},
	{"log starts", func(n string) bool { return path.Base(n) == "log-start-offset-checkpoint" }, whole, whole},
	{"cleaner offsets", func(n string) bool { return path.Base(n) == "cleaner-offset-checkpoint" }, whole, whole},
	{"meta.properties", func(n string) bool { return path.Base(n) == "meta.properties" }, stops, stops},
	{"clean shutdown mark", func(n string) bool { return path.Base(n) == ".kafka_cleanshutdown" }, whole, whole},
	{"metadata log", func(n string) bool { return strings.Contains(n, "__raft") && path.Ext(n) == ".wal" }, stops | forgets, stops | forgets},
	{"metadata votes", func(n string) bool { return strings.HasSuffix(n, "__raft/votes") }, stops, stops},
	{"metadata segments", func(n string) bool { return strings.HasSuffix(n, "__raft/segments") }, stops, stops},
	{"metadata snapshot", func(n string) bool { return strings.Contains(n, "__raft") && path.Ext(n) == ".snapshot" }, stops, stops},
}

func suffix(name, ext string) bool {
	return path.Ext(name) == ext && strings.Contains(name, "/victim-0/")
}

// active is set to the name of the victim's active segment.
var active = func(string) string { return "" }

// damages are what can happen to a file's bytes. A nil result removes the file.
var damages = []struct {
	name string
	do   func(b []byte, rnd *rand.Rand) []byte
}{
	{"a flipped bit", func(b []byte, rnd *rand.Rand) []byte {
		if len(b) > 0 {
			b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
		}
		return b
	}},
	{"a flipped bit at its beginning", func(b []byte, rnd *rand.Rand) []byte {
		if len(b) > 0 {
			b[rnd.IntN(min(len(b), 16))] ^= 1 << rnd.IntN(8)
		}
		return b
	}},
	{"zeros within", func(b []byte, rnd *rand.Rand) []byte {
		from := rnd.IntN(len(b) + 1)
		clear(b[from:min(len(b), from+512)])
		return b
	}},
	{"garbage within", func(b []byte, rnd *rand.Rand) []byte {
		for i := rnd.IntN(len(b) + 1); i < len(b) && rnd.IntN(300) > 0; i++ {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}},
	{"cut to a part", func(b []byte, rnd *rand.Rand) []byte { return b[:rnd.IntN(len(b)+1)] }},
	{"cut to nothing", func([]byte, *rand.Rand) []byte { return []byte{} }},
	{"garbage behind its end", func(b []byte, rnd *rand.Rand) []byte {
		for range 100 {
			b = append(b, byte(rnd.Uint32()))
		}
		return b
	}},
	{"a block twice", func(b []byte, rnd *rand.Rand) []byte {
		from := rnd.IntN(len(b) + 1)
		block := clone(b[from:min(len(b), from+256)])
		return slices.Insert(b, from, block...)
	}},
	{"missing", func([]byte, *rand.Rand) []byte { return nil }},
	{"unreadable", nil}, // reads of it fail
}

// damaged is a broker's files to be damaged, and what they hold.
type damaged struct {
	ledger  *ledger
	orderly *vfs.Mem // after an orderly stop
	crash   *vfs.Mem // as a kill leaves it
	want    map[string]topicState
}

// newDamaged fills two topics of the same kind with several segments.
func newDamaged(t *testing.T) *damaged {
	m := vfs.NewMem()
	b := mustBoot(t, m, nil)
	c := b.client(t)
	d := &damaged{ledger: newLedger()}
	for _, name := range []string{"victim", "beside"} {
		ok(t, c.createTopic(name, 1, map[string]string{"internal.segment.bytes": "6000", "index.interval.bytes": "500", "flush.messages": "1"}))
		tp := partition{name, 0}
		s := d.ledger.open(tp, false)
		pid, epoch, err := c.initProducerID()
		ok(t, err)
		for range 40 {
			r := d.ledger.send(s, 2, 0)
			builder := record.NewBuilder(record.None, 0)
			builder.SetProducer(record.ProducerID(pid), record.ProducerEpoch(epoch), r.number, false)
			for i := range int32(2) {
				k := id{r.stream, r.number + i}
				builder.Append(1_700_000_000_000, k.key(), k.value(300))
			}
			offset, err := c.produce(tp, builder.Build(), -1)
			ok(t, err)
			d.ledger.acknowledge(tp, r, 2, offset, 0)
		}
	}
	f, err := look(c)
	ok(t, err)
	d.want = f.topics
	d.crash = m.Crash(vfs.Written, 0)
	c.close()
	ok(t, b.end())
	d.orderly = m
	return d
}

// files lists all files under a directory.
func files(t *testing.T, fs vfs.FS, dir string) []string {
	entries, err := fs.ReadDir(dir)
	ok(t, err)
	var out []string
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		if e.IsDir {
			out = append(out, files(t, fs, name)...)
		} else {
			out = append(out, name)
		}
	}
	return out
}

// TestCorruptFiles damages each kind of file in each way (R20 for one node).
func TestCorruptFiles(t *testing.T) {
	d := newDamaged(t)
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	cells := 0
	for _, stop := range []struct {
		name string
		fs   *vfs.Mem
	}{{"orderly stop", d.orderly}, {"kill", d.crash}} {
		all := files(t, stop.fs, dataDir)
		last := ""
		for _, name := range all {
			if suffix(name, ".log") {
				last = name
			}
		}
		active = func(string) string { return last }
		for _, kind := range fileKinds {
			matching := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return !kind.is(n) })
			if len(matching) == 0 {
				continue
			}
			may := kind.orderly
			if stop.fs == d.crash {
				may = kind.crash
			}
			for _, damage := range damages {
				for seed := range seeds {
					rnd := rand.New(rand.NewPCG(seed, uint64(cells)))
					name := matching[rnd.IntN(len(matching))]
					if strings.Contains(name, "beside-0") {
						name = matching[len(matching)-1] // the victim's
					}
					cells++
					t.Run(fmt.Sprintf("%s/%s/%s/%d", stop.name, kind.name, damage.name, seed), func(t *testing.T) {
						d.cell(t, stop.fs, name, damage.do, may, rnd)
					})
				}
			}
		}
	}
	t.Logf("%d cells", cells)
}

// cell damages one file of a copy and looks what is served.
func (d *damaged) cell(t *testing.T, from *vfs.Mem, name string, do func([]byte, *rand.Rand) []byte, may outcome, rnd *rand.Rand) {
	m := from.Crash(vfs.Written, 0)
	var fs vfs.FS = m
	emptied := false
	if do == nil {
		fs = vfs.NewFault(m, func(op vfs.Op) error {
			if op.Kind == vfs.OpReadAt && op.Path == name {
				return syscall.EIO
			}
			return nil
		})
	} else {
		before, err := vfs.ReadFile(m, name)
		ok(t, err)
		after := do(clone(before), rnd)
		emptied = len(after) == 0
		ok(t, m.Remove(name))
		if after != nil {
			f, err := m.Create(name)
			ok(t, err)
			_, err = f.WriteAt(after, 0)
			ok(t, err)
			ok(t, f.Close())
		}
		if bytes.Equal(before, after) && after != nil {
			may = whole
		}
	}
	b, err := boot(fs, nil)
	defer func() {
		if t.Failed() {
			t.Logf("damaged: %s; the broker's log:\n%s", name, tail(b.log.String()))
		}
	}()
	if err != nil {
		later := strings.Contains(err.Error(), "a later one wrote it") // so reads a version with a flipped bit, and nothing is changed
		if may&stops == 0 && do != nil && !later {                     // where reading fails, the log dir is unusable, and it is the only one
			t.Errorf("refused to start: %v", err)
		}
		if !slices.ContainsFunc([]string{path.Base(name), "corrupt", "input/output", "belongs to"}, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("the error doesn't say what is wrong: %v", err)
		}
		return
	}
	c := b.client(t)
	d.judge(t, c, b, m, may, do == nil, emptied)
	c.close()
	_ = b.end() // may say that a log could not be closed
}

// judge: the topics are all there; the partition beside is whole; what the victim serves is right, and if it is not all, it
// says so.
func (d *damaged) judge(t *testing.T, c *client, b *broker, m *vfs.Mem, may outcome, unreadable, emptied bool) {
	topics, err := c.topics()
	ok(t, err)
	log := b.log.String()
	for _, name := range slices.Sorted(maps.Keys(d.want)) {
		tp := partition{name, 0}
		if topics[name].id != d.want[name].id {
			if may&forgets == 0 || !strings.Contains(log, "cutting off") {
				t.Errorf("topic %s is gone, or another", name)
			}
			if !strings.Contains(log, "belongs to no topic") {
				t.Errorf("topic %s was forgotten, and its folder is not named", name)
			}
			if n := len(files(t, m, dataDir+"/"+name+"-0")); n < 3 {
				t.Errorf("topic %s was forgotten, and %d files of it are left", name, n)
			}
			continue
		}
		v, err := c.view(tp)
		var answered protocol.Error
		switch {
		case err == nil && len(d.ledger.check(tp, v, judgement{at: now})) == 0:
		case unreadable && errors.As(err, &answered): // an unreadable file takes the directory offline
		case name == "victim" && may&refused != 0 && errors.As(err, &answered):
			d.prefix(t, tp, v)
		case name == "victim" && may&aside != 0 && err == nil && v.high == 0:
			if !strings.Contains(log, "set aside") {
				t.Errorf("the folder was set aside without a word")
			}
		case name == "victim" && may&cut != 0 && err == nil:
			if p := d.ledger.check(tp, v, judgement{at: now, lossy: true}); len(p) > 0 {
				t.Errorf("the log that was cut: %v", p)
			}
			if emptied { // a file that isn't there, or is empty, can't be told from one that was never written
				continue
			}
			if !strings.Contains(log, "cut there, the bytes are kept aside") && !strings.Contains(log, "unfinished write was cut off") {
				t.Errorf("the log was cut without a word")
			}
			if strings.Contains(log, "kept aside") && !slices.ContainsFunc(files(t, m, dataDir+"/victim-0"), func(n string) bool { return strings.Contains(n, ".corrupt-") }) {
				t.Errorf("nothing was kept aside")
			}
		case err != nil:
			t.Errorf("%v: %v", tp, err)
		default:
			t.Errorf("%v: %v", tp, d.ledger.check(tp, v, judgement{at: now}))
		}
	}
}

// prefix: what was served before the error is right.
func (d *damaged) prefix(t *testing.T, tp partition, v view) {
	if len(v.records) == 0 {
		return
	}
	v.high = v.records[len(v.records)-1].offset + 1
	if p := d.ledger.check(tp, v, judgement{at: now, lossy: true}); len(p) > 0 {
		t.Errorf("served before the error: %v", p)
	}
}
