package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// daemon is a program that runs beside a test and writes to a log.
type daemon struct {
	*brokers.Child
	log string
}

// startDaemon starts a program; it ends with the test, and its log is told when the test has failed.
func startDaemon(t *testing.T, name string, cmd *exec.Cmd) *daemon {
	t.Helper()
	d := &daemon{log: filepath.Join(t.TempDir(), name+".log")}
	log, err := os.Create(d.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if d.Child, err = brokers.StartChild(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if t.Failed() {
			t.Logf("%s:\n%s", name, d.tail())
		}
	})
	return d
}

// text returns what the program has written so far.
func (d *daemon) text() string {
	data, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (d *daemon) tail() string {
	s := d.text()
	return strings.TrimSpace(s[max(0, len(s)-6<<10):])
}

// startTool starts one of Kafka's programs as a daemon.
func startTool(t *testing.T, daemonName, name string, args ...string) *daemon {
	t.Helper()
	cmd, err := brokers.Tool(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	// The test's context ends before its cleanups, and it would kill.
	return startDaemon(t, daemonName, exec.Command(cmd.Path, cmd.Args[1:]...))
}
