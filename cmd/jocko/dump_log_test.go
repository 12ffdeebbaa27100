package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/jockotest"
)

// TestDumpLog prints what a running broker wrote, by file and by directory.
func TestDumpLog(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(bootstrapEnv, jockotest.Start(t, jockotest.Dir(dir)).Addr())
	for _, line := range [][]string{{"topic", "create", "orders"}, {"produce", "orders", "--key-delimiter", ":"}} {
		_, wait := startCommand(t, strings.NewReader("k1:first\nk2:second\n"), io.Discard, line...)
		if stderr, err := wait(); err != nil {
			t.Fatal(err, stderr)
		}
	}
	dump := func(args ...string) (string, error) {
		var out bytes.Buffer
		_, wait := startCommand(t, nil, &out, append([]string{"dump-log"}, args...)...)
		_, err := wait()
		return out.String(), err
	}
	partition := filepath.Join(dir, "orders-0")
	segment := filepath.Join(partition, "00000000000000000000.log")
	if out, err := dump(segment); err != nil || !strings.Contains(out, "baseOffset: 0 lastOffset: 1 count: 2") || strings.Contains(out, "second") {
		t.Errorf("got %v\n%s", err, out)
	}
	if out, err := dump("--data", partition); err != nil || !strings.Contains(out, "key: k2 payload: second") {
		t.Errorf("got %v\n%s", err, out)
	}
	if _, err := dump(dir); err == nil || !strings.Contains(err.Error(), "orders-0") {
		t.Errorf("a directory of partitions: %v", err)
	}
	if _, err := dump(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that isn't there is no error")
	}
}
