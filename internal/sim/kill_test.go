package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
)

// killRun is a series of kills of one broker under load.
type killRun struct {
	t       *testing.T
	rnd     *rand.Rand
	p       *process
	ledger  *ledger
	load    *load
	dir     string
	records int64

	recoveries []recovery
}

// recovery is what one start after a kill took.
type recovery struct {
	took  time.Duration
	cpu   time.Duration
	dirty int64 // bytes above the recovery points
}

// TestKill kills the broker again and again under load and checks what it serves afterwards (R18).
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 8
	if testing.Short() {
		kills = 3
	}
	r := newKillRun(t, 1)
	for range kills {
		r.round(time.Duration(100+r.rnd.IntN(900))*time.Millisecond, 0)
	}
	r.finish()
}

// TestKillCampaign is TestKill for long, with much unflushed data now and then.
func TestKillCampaign(t *testing.T) {
	if *killsFlag == 0 {
		t.Skip("campaign: -faults.kills=200")
	}
	r := newKillRun(t, *seedFlag)
	for i := range *killsFlag {
		heavy := 0
		if i%20 == 10 {
			heavy = 24
		}
		r.round(time.Duration(50+r.rnd.IntN(1500))*time.Millisecond, heavy)
		if i%10 == 9 {
			r.load.rotate()
			t.Logf("%d kills, %d records acknowledged and found", i+1, r.records)
		}
	}
	r.finish()
}

func newKillRun(t *testing.T, seed uint64) *killRun {
	r := &killRun{t: t, rnd: rand.New(rand.NewPCG(seed, 3)), ledger: newLedger(), dir: t.TempDir()}
	r.p = newProcess(t, r.dir, map[string]string{"auto.create.topics.enable": "false", "num.recovery.threads.per.data.dir": "2"})
	r.p.start()
	r.load = newLoad(t, r.ledger, tcp(r.p.addr), r.p.addr, seed)
	return r
}

// round lets the load run for a while, kills the broker, starts it again and checks everything. heavy is how many MiB are
// produced to each of 12 partitions before.
func (r *killRun) round(d time.Duration, heavy int) {
	t := r.t
	t.Helper()
	r.load.begin()
	if heavy > 0 {
		r.heavy(heavy)
	}
	timer := time.NewTimer(d) // the instant of the kill is what is random here
	select {
	case <-timer.C:
	case <-r.load.failed:
		timer.Stop()
	}
	r.load.dying()
	r.p.kill()
	r.load.pause()
	dirty := dirtyBytes(t, r.dir)
	took := r.p.start()
	rec := recovery{took, r.p.cpu(), dirty}
	r.recoveries = append(r.recoveries, rec)
	if dirty >= largeRecovery {
		t.Logf("recovery of %d MiB took %v and %v of CPU", dirty>>20, rec.took, rec.cpu)
	}
	r.verify()
	if t.Failed() {
		t.Fatalf("the broker's log:\n%s", tail(r.p.log.String()))
	}
}

// heavy fills partitions of a topic that is not checked.
func (r *killRun) heavy(mib int) {
	t := r.t
	c, err := connect(tcp(r.p.addr))
	ok(t, err)
	defer c.close()
	name := fmt.Sprintf("heavy-%d", len(r.recoveries))
	ok(t, c.createTopic(name, 12, map[string]string{"segment.bytes": "1073741824"}))
	r.load.unchecked(name)
	b := record.NewBuilder(record.None, 0)
	for i := range 100 {
		b.Append(1_700_000_000_000, nil, id{0, int32(i)}.value(9000))
	}
	batch := clone(b.Build())
	for range mib << 20 / len(batch) {
		for part := range int32(12) {
			_, err := c.produce(partition{name, part}, batch, 1)
			ok(t, err)
		}
	}
}

// verify compares everything that is served with the ledger.
func (r *killRun) verify() {
	t := r.t
	t.Helper()
	c, err := connect(tcp(r.p.addr))
	ok(t, err)
	defer c.close()
	r.load.verifyTopics(c)
	r.records = 0
	for _, tp := range r.ledger.partitions() {
		n := r.ledger.acked(tp)
		v, err := c.view(tp)
		if err != nil {
			t.Errorf("%v: %v", tp, err)
			continue
		}
		for _, p := range r.ledger.check(tp, v, judgement{at: now, noLater: n}) {
			t.Error(p)
		}
		r.records += int64(len(v.records))
		if !r.load.running(tp.topic) {
			r.ledger.adopt(tp, v)
		}
	}
}

// largeRecovery is the least that recovery time is judged by.
const largeRecovery = 64 << 20

func (r *killRun) finish() {
	t := r.t
	r.load.end()
	if t.Failed() {
		return
	}
	var starts []time.Duration
	var took, cpu, gib float64
	for _, rec := range r.recoveries {
		if rec.dirty < largeRecovery {
			starts = append(starts, rec.took)
			continue
		}
		took, cpu, gib = took+rec.took.Seconds(), cpu+rec.cpu.Seconds(), gib+float64(rec.dirty)/(1<<30)
	}
	slices.Sort(starts)
	t.Logf("%d kills: %s; starts with less than %d MiB to recover: median %v, longest %v",
		len(r.recoveries), r.load.summary(), largeRecovery>>20, percentile(starts, 50), percentile(starts, 100))
	if gib > 0 {
		t.Logf("larger recoveries, %.2f GiB in all: %.2f s and %.2f CPU seconds per dirty GiB", gib, took/gib, cpu/gib)
	}
}

// dirtyBytes counts the bytes of all logs that lie above their recovery points, by what is on disk.
func dirtyBytes(t *testing.T, dir string) int64 {
	points := map[string]int64{}
	b, _ := os.ReadFile(filepath.Join(dir, "recovery-point-offset-checkpoint")) // missing: nothing was flushed
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 {
			points[f[0]+"-"+f[1]], _ = strconv.ParseInt(f[2], 10, 64)
		}
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*-*", "*.log"))
	ok(t, err)
	var sum int64
	for _, s := range segments {
		folder := filepath.Base(filepath.Dir(s))
		if !strings.HasSuffix(folder, "-delete") {
			sum += dirtyIn(t, s, points[folder])
		}
	}
	return sum
}

// dirtyIn counts the bytes of a segment's batches from an offset on.
func dirtyIn(t *testing.T, name string, point int64) int64 {
	f, err := os.Open(name)
	ok(t, err)
	defer f.Close()
	var pos, sum int64
	var header [12]byte
	for {
		if _, err := f.ReadAt(header[:], pos); err != nil {
			return sum
		}
		size := int64(binary.BigEndian.Uint32(header[8:])) + record.LengthOverhead
		if size <= record.LengthOverhead {
			return sum
		}
		if int64(binary.BigEndian.Uint64(header[:])) >= point {
			sum += size
		}
		pos += size
	}
}
