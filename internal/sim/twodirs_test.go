package sim

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestAbsentDir: with one of two log dirs unreadable at the start, its partitions are offline. They are not begun anew, empty, in the
// other one, and are whole when the directory is back.
func TestAbsentDir(t *testing.T) {
	cfg := config.Map{"log.dirs": "/data,/more"}
	m := vfs.NewMem()
	l := newLedger()
	b := mustBoot(t, m, cfg)
	c := b.client(t)
	ok(t, c.createTopic("t", 6, nil))
	for i := range int32(6) {
		tp := partition{"t", i}
		s := l.open(tp, false)
		r := l.send(s, 1, 0)
		builder := record.NewBuilder(record.None, 0)
		builder.Append(0, r.key(), r.value(50))
		offset, err := c.produce(tp, builder.Build(), -1)
		ok(t, err)
		l.acknowledge(tp, r, 1, offset, 0)
	}
	c.close()
	ok(t, b.end())

	broken := vfs.NewFault(m, func(op vfs.Op) error {
		if strings.HasPrefix(op.Path, "/more") {
			return syscall.EIO
		}
		return nil
	})
	served := func(fs vfs.FS, want int) {
		t.Helper()
		b := mustBoot(t, fs, cfg)
		c := b.client(t)
		whole := 0
		for i := range int32(6) {
			tp := partition{"t", i}
			v, err := c.view(tp)
			var answered protocol.Error
			if errors.As(err, &answered) && answered == protocol.ErrKafkaStorageError {
				continue
			}
			ok(t, err)
			whole++
			for _, p := range l.check(tp, v, judgement{at: now}) {
				t.Error(p)
			}
		}
		if whole != want {
			t.Errorf("%d partitions are served, want %d", whole, want)
		}
		c.close()
		_ = b.end() // a broken directory can't be closed in order
	}
	served(broken, 3)
	served(m, 6)
}
