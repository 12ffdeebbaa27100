//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asServer makes the test's program a broker with its data in a directory.
const asServer = "TEST_SERVER_DIR"

// TestServerProcess is not a test: it is the process that TestSignals stops.
func TestServerProcess(t *testing.T) {
	dir := os.Getenv(asServer)
	if dir == "" {
		return
	}
	os.Exit(run([]string{
		"server", "--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override", "admin.listener=", "--override", "log.dirs=" + dir,
	}, os.Stdin, os.Stdout, os.Stderr))
}

// TestSignals: a broker that is told to stop, or whose terminal is closed, stops in order. Where SIGHUP is ignored it goes on.
func TestSignals(t *testing.T) {
	for name, c := range map[string]struct {
		shell   string
		signals []syscall.Signal
		code    int
	}{
		"interrupted":           {"exec", []syscall.Signal{syscall.SIGINT}, 0},
		"told to stop":          {"exec", []syscall.Signal{syscall.SIGTERM}, 0},
		"the terminal's end":    {"exec", []syscall.Signal{syscall.SIGHUP}, 129},
		"that is not looked at": {`trap "" HUP; exec`, []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			cmd := exec.Command("sh", "-c", c.shell+` "$0" -test.run='^TestServerProcess$'`, os.Args[0])
			cmd.Env = append(os.Environ(), asServer+"="+dir)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
			defer kill.Stop()
			lines := bufio.NewScanner(out)
			for lines.Scan() && !strings.Contains(lines.Text(), "cluster") { // the last line of the banner
				continue
			}
			for _, s := range c.signals {
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			for lines.Scan() {
				continue
			}
			_ = cmd.Wait() // the code says more
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if _, err := os.Stat(filepath.Join(dir, ".kafka_cleanshutdown")); err != nil {
				t.Error(err)
			}
		})
	}
}
