package sim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestFullDisk fills the disk under a broker and frees it again, at each stage of its work (R21): refusals are retriable, reads
// go on, and with space everything works again without a restart. Time is virtual.
func TestFullDisk(t *testing.T) {
	cycles := 18
	if testing.Short() {
		cycles = 6
	}
	fullDisk(t, 1, cycles)
}

// TestFullDiskCampaign is TestFullDisk for many cycles.
func TestFullDiskCampaign(t *testing.T) {
	if *cyclesFlag == 0 {
		t.Skip("campaign: -faults.cycles=200")
	}
	fullDisk(t, *seedFlag, *cyclesFlag)
}

// diskSize is small: what the broker needs for itself, and a little for records.
const diskSize = 24 << 20

// fillers make the disk full, each at another stage of what the broker does then.
var fillers = []struct {
	name string
	left int64 // bytes that stay free
	fill func(s *script) error
}{
	{"by records", -1, func(s *script) error { // until they are refused
		for {
			if err := s.write(s.writers[s.rnd.IntN(len(s.writers))]); err != nil {
				return err
			}
		}
	}},
	{"to the last page, then append", 0, nil},
	{"with a page left, then append", 4096, nil},
	{"with room for an append and no new segment", 12 << 10, nil},
	{"with room for half of what follows", 100 << 10, nil},
	{"just above the reserve", diskSize/20 + 40<<10, nil},
}

func fullDisk(t *testing.T, seed uint64, cycles int) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewVolatile() // one that remembers every write would not fit into memory for long
		cfg := config.Map{"replica.high.watermark.checkpoint.interval.ms": "1000", "log.retention.check.interval.ms": "10000", "file.delete.delay.ms": "1000"}
		b := mustBoot(t, m, cfg)
		s := newScript(t, m, b.client(t), seed)
		ok(t, s.begin())
		m.SetCapacity(diskSize)
		func() {
			defer func() {
				s.c.close()
				if err := b.end(); err != nil || t.Failed() {
					t.Errorf("ended with %v; the broker's log:\n%s", err, tail(b.log.String()))
				}
			}()
			for i := 0; i < cycles && !t.Failed(); i++ {
				f := fillers[i%len(fillers)]
				s.cycle(t, f.name, f.left, f.fill)
			}
		}()
		s.restart(t, m, nil, false)
	})
}

// cycle fills the disk, lets everything be tried, frees it, and expects everything to work.
func (s *script) cycle(t *testing.T, name string, left int64, fill func(*script) error) {
	filler := func(size int64) {
		f, err := s.fs.Create("/filler")
		ok(t, err)
		_, _ = f.WriteAt(make([]byte, size), 0) // as far as it goes
		ok(t, f.Close())
	}
	_, free, err := s.fs.Usage("/")
	ok(t, err)
	if fill != nil {
		filler(free - 3<<20)
		refused := fill(s)
		retriable(t, name, refused)
	} else {
		filler(free - left)
	}
	s.tryAll(t, name)
	time.Sleep(3 * time.Second) // checkpoints and the look at the free space come by
	s.tryAll(t, name)
	for tp := range s.views(t) {
		v, err := s.c.view(tp)
		if err != nil && strings.HasPrefix(tp.topic, "full-") { // there was no room for its log
			retriable(t, name+": read "+tp.String(), err)
			continue
		}
		if err != nil {
			t.Errorf("%s: reading %v on a full disk: %v", name, tp, err)
			continue
		}
		for _, p := range s.ledger.check(tp, v, judgement{at: now, freeStart: true}) {
			t.Errorf("%s, still full: %v", name, p)
		}
	}
	ok(t, s.fs.Remove("/filler"))
	time.Sleep(30 * time.Second)
	s.worksAgain(t, name)
}

// views lists the partitions that are known to be there.
func (s *script) views(t *testing.T) map[partition]bool {
	out := map[partition]bool{}
	for name, topic := range s.moments[len(s.moments)-1].topics {
		for i := range int32(topic.partitions) {
			out[partition{name, i}] = true
		}
	}
	return out
}

// tryAll does everything once on a full disk. All may work or be refused.
func (s *script) tryAll(t *testing.T, name string) {
	for _, w := range s.writers {
		retriable(t, name+": produce to "+w.s.to.String(), s.write(w))
	}
	s.ordinal++
	topic := fmt.Sprintf("full-%d", s.ordinal)
	retriable(t, name+": create a topic", s.create(topic, 1, map[string]string{}))
	retriable(t, name+": set a config", s.configure())
	retriable(t, name+": delete records", s.deleteRecords())
}

// retriable: a refusal must be one that a client tries again.
func retriable(t *testing.T, what string, err error) {
	t.Helper()
	var answered protocol.Error
	if err != nil && (!errors.As(err, &answered) || !answered.Retriable()) {
		t.Errorf("%s: %v is not retriable", what, err)
	}
}

// worksAgain does everything once on a disk with space. Topics of which nobody knows whether they were made are left.
func (s *script) worksAgain(t *testing.T, name string) {
	for _, w := range s.writers {
		if err := s.write(w); err != nil {
			t.Errorf("%s, with space again: produce to %v: %v", name, w.s.to, err)
		}
	}
	s.ordinal++
	topic := fmt.Sprintf("space-%d", s.ordinal)
	if err := s.create(topic, 1, map[string]string{}); err != nil {
		t.Errorf("%s, with space again: create a topic: %v", name, err)
	}
	if err := s.configure(); err != nil {
		t.Errorf("%s, with space again: set a config: %v", name, err)
	}
	s.emptyTopics(t)
}

// emptyTopics deletes what a cycle made, so that cycles don't fill the disk by themselves.
func (s *script) emptyTopics(t *testing.T) {
	topics, err := s.c.topics()
	ok(t, err)
	for name := range topics {
		if s.names[name] == nil || !strings.HasPrefix(name, "full-") && !strings.HasPrefix(name, "space-") {
			continue
		}
		next := s.state()
		delete(next, name)
		ok(t, s.c.deleteTopic(name))
		s.note(s.now(), next)
		kept := s.writers[:0]
		for _, w := range s.writers {
			if w.s.to.topic != name {
				kept = append(kept, w)
			}
		}
		s.writers = kept
	}
	for tp := range s.views(t) {
		high, err := s.c.offset(tp, -1)
		ok(t, err)
		s.ledger.askStart(tp, high)
		low, err := s.c.deleteRecords(tp, high)
		ok(t, err)
		next := s.state()
		next[tp.topic].starts[tp.index] = low
		s.note(s.now(), next)
	}
	time.Sleep(time.Minute) // retention removes the segments
}
