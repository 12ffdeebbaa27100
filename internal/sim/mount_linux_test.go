package sim

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// TestFullFileSystem is TestFullDisk on a real file system, with a broker in a process of its own: a tmpfs, where mounting is
// allowed.
func TestFullFileSystem(t *testing.T) {
	const size = 64 << 20
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	p := newProcess(t, filepath.Join(dir, "data"), map[string]string{"log.segment.delete.delay.ms": "100"})
	p.start()
	c, err := connect(tcp(p.addr))
	ok(t, err)
	defer c.close()
	ok(t, c.createTopic("t", 1, map[string]string{"segment.bytes": "1048576"}))
	l := newLedger()
	s := l.open(tp0, false)
	write := func() error {
		r := l.send(s, 10, 0)
		b := record.NewBuilder(record.None, 0)
		for i := range int32(10) {
			k := id{r.stream, r.number + i}
			b.Append(time.Now().UnixMilli(), k.key(), k.value(20_000))
		}
		offset, err := c.produce(tp0, b.Build(), -1)
		if err == nil {
			l.acknowledge(tp0, r, 10, offset, 0)
		}
		return err
	}
	check := func(when string) {
		t.Helper()
		v, err := c.view(tp0)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		for _, p := range l.check(tp0, v, judgement{at: now}) {
			t.Errorf("%s: %v", when, p)
		}
	}
	for cycle := range 3 {
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, size/4), 0o600); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		more, err := os.OpenFile(filler, os.O_WRONLY|os.O_APPEND, 0)
		ok(t, err)
		for err == nil && cycle%2 == 1 { // to the last byte
			_, err = more.Write(make([]byte, 64<<10))
		}
		ok(t, more.Close())
		var refused error
		for refused == nil {
			refused = write()
		}
		if answered := protocol.Error(0); !errors.As(refused, &answered) || answered != protocol.ErrKafkaStorageError {
			t.Fatalf("on a full disk: %v", refused)
		}
		check("full")
		ok(t, os.Remove(filler))
		for deadline := time.Now().Add(callTimeout); refused != nil; refused = write() { // it looks for space now and then
			if time.Now().After(deadline) {
				t.Fatalf("with space again: %v", refused)
			}
		}
		check("with space again")
		ok(t, c.deleteTopic("t"))
		l.forget("t")
		ok(t, c.createTopic("t", 1, map[string]string{"segment.bytes": "1048576"}))
		s = l.open(tp0, false)
	}
	p.kill()
}
