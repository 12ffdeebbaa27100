package sim

import (
	"fmt"
	"net"
	"testing"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// ending is how a broker ends before it is started again.
type ending int

const (
	stopped   ending = iota // in order
	killed                  // kill -9: what was written stays
	powerless               // what was not synced may be gone
)

func (e ending) String() string { return [...]string{"stop", "kill", "power cut"}[e] }

// restartable is a broker that can be ended and started again.
type restartable interface {
	dial() (net.Conn, error)
	restart(how ending, seed uint64) error
	log() string
	close()
}

// restartConfig is what all of them are configured with. Compaction runs at once, coordinators' state lies in several
// partitions, and segments of their logs are compacted too.
func restartConfig() config.Map {
	return config.Map{
		"auto.create.topics.enable": "false", "offsets.topic.num.partitions": fmt.Sprint(offsetsPartitions),
		"transaction.state.log.num.partitions": "4", "group.initial.rebalance.delay.ms": "0", "log.cleaner.backoff.ms": "20",
		"offsets.topic.segment.bytes": "1048576", "transaction.state.log.segment.bytes": "1048576",
		"log.retention.check.interval.ms": "3600000", "log.segment.delete.delay.ms": "1000",
		"group.consumer.assignment.interval.ms": "0",
	}
}

const offsetsPartitions = 8

// memoryBroker is a broker of this process on a disk in memory. Its log of messages counts as synced when it was
// acknowledged, if durable is set.
type memoryBroker struct {
	configs config.Map
	fs      *vfs.Mem
	b       *broker
}

func newMemoryBroker(durable bool) (*memoryBroker, error) {
	m := &memoryBroker{configs: restartConfig(), fs: vfs.NewMem()}
	m.configs["log.dirs"] = "/data,/more"
	if durable {
		m.configs["log.flush.interval.messages"] = "1"
	}
	return m, m.boot()
}

func (m *memoryBroker) boot() (err error) {
	m.b, err = boot(m.fs, m.configs)
	return err
}

func (m *memoryBroker) dial() (net.Conn, error) { return m.b.net.dial() }
func (m *memoryBroker) log() string             { return m.b.log.String() }
func (m *memoryBroker) close()                  { _ = m.b.end() }

func (m *memoryBroker) restart(how ending, seed uint64) error {
	after := m.fs
	switch how {
	case killed:
		after = m.fs.Crash(vfs.Written, seed)
	case powerless:
		after = m.fs.Crash(vfs.Policies()[seed%uint64(len(vfs.Policies()))], seed)
	}
	if err := m.b.end(); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	m.fs = after
	return m.boot()
}

// processBroker is a broker in a process of its own, on the system's disk.
type processBroker struct{ p *process }

func newProcessBroker(t *testing.T) *processBroker {
	configs := restartConfig()
	p := newProcess(t, t.TempDir()+","+t.TempDir(), configs)
	p.start()
	return &processBroker{p}
}

func (b *processBroker) dial() (net.Conn, error) { return tcp(b.p.addr)() }
func (b *processBroker) log() string             { return b.p.log.String() }
func (b *processBroker) close()                  { b.p.kill() }

func (b *processBroker) restart(how ending, _ uint64) error {
	if how == stopped {
		b.p.stopInOrder()
	} else {
		b.p.kill()
	}
	b.p.start()
	return nil
}
