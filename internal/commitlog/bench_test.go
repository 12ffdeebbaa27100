package commitlog

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

func BenchmarkAppendLeader(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 128 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			d := openDirs(b, vfs.OS(), testOptions(b.TempDir()))
			l := createLog(b, d, "bench", benchConfig())
			buf := batch(max(size>>10, 1), min(size, 1<<10)-80, 1)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if _, err := l.AppendLeader(buf, 0, AppendOptions{}); err != nil {
					b.Fatal(err)
				}
				if l.Size() > 2<<30 {
					b.StopTimer()
					if err := l.TruncateFully(l.End()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
		})
	}
}

// benchConfig rolls early enough that no disk is filled.
func benchConfig() LogConfig {
	c := DefaultLogConfig()
	c.SegmentBytes = 256 << 20
	return c
}

func BenchmarkRead(b *testing.B) {
	for _, max := range []int{4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", max>>10), func(b *testing.B) {
			d := openDirs(b, vfs.OS(), testOptions(b.TempDir()))
			l := createLog(b, d, "bench", benchConfig())
			buf := batch(4, 900, 1)
			for range 20_000 {
				mustAppend(b, l, buf)
			}
			var ranges [4]protocol.Range
			b.ReportAllocs()
			b.ResetTimer()
			o := record.Offset(0)
			for range b.N {
				f, err := l.Read(ranges[:0], o, max, l.End(), true)
				if err != nil {
					b.Fatal(err)
				}
				for _, r := range f.Records {
					r.Pin.Unpin()
				}
				if o = f.Next; o >= l.End() {
					o = 0
				}
			}
		})
	}
}

// BenchmarkDurable appends 1 KiB and waits until it is on disk, 64 at a time, to 6 logs: group fsync.
func BenchmarkDurable(b *testing.B) {
	d := openDirs(b, vfs.OS(), testOptions(b.TempDir()))
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	cfg := benchConfig()
	cfg.FlushMessages = 1
	var logs []*Log
	for i := range 6 {
		logs = append(logs, createLog(b, d, fmt.Sprint("bench", i), cfg))
	}
	b.SetParallelism(32)
	b.ResetTimer()
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		l := logs[next.Add(1)%int64(len(logs))]
		buf := batch(1, 1000, 1)
		for pb.Next() {
			a, err := l.AppendLeader(buf, 0, AppendOptions{})
			if err == nil {
				err = l.WaitFlushed(ctx, a.Last+1)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(d.Counters().Flushes.Load())/float64(b.N), "fsyncs/op")
	cancel()
	running.Wait()
}
