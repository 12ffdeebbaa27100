package commitlog

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestMove moves a log to another directory while it is appended to and read.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		opt := testOptions("/a", "/b")
		opt.Config.SegmentBytes = 50_000
		d := openDirs(t, fs, opt)
		l := createLog(t, d, "t", opt.Config)
		var want []byte
		add := func() {
			b := batch(3, 200, 7)
			mustAppend(t, l, b)
			want = append(want, b...)
		}
		for range 300 {
			add()
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := d.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		if l.Dir() != "/a" {
			t.Fatalf("log is in %s", l.Dir())
		}
		if err := d.Move(l, "/b"); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			add()
		}
		synctest.Wait()
		if l.Dir() != "/b" {
			t.Fatalf("after the move the log is in %s", l.Dir())
		}
		add()
		if !bytes.Equal(readAll(t, l), want) {
			t.Fatal("the moved log reads otherwise")
		}
		cancel()
		<-done
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openDirs(t, fs, opt)
		l = d.Get(TP{"t", 0})
		if l == nil || l.Dir() != "/b" || !bytes.Equal(readAll(t, l), want) {
			t.Fatal("after a restart the moved log is another")
		}
	})
}
