package sim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/node"
)

// childVariable holds, in the environment of a child, the broker's configuration, a key=value a line.
const childVariable = "JOCKO_SIM_SERVE"

const readyLine = "is ready"

// serveAsChild is main of a child: a broker that runs until it is killed or its parent is gone.
func serveAsChild() int {
	cfg := config.Map{}
	for line := range strings.Lines(os.Getenv(childVariable)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		cfg[k] = v
	}
	node.TuneRuntime()
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		stop()
	}()
	n, err := node.New(cfg, node.Env{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err == nil {
		go func() {
			<-n.Ready()
			fmt.Println(readyLine)
		}()
		err = n.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a broker in a process of its own, which can be killed and started again on the same directory and port.
type process struct {
	t       *testing.T
	addr    string
	configs config.Map
	log     *logBuffer
	cmd     *exec.Cmd
	stdin   io.Closer
	output  chan struct{} // closed when the process's output ended
}

func newProcess(t *testing.T, dir string, configs config.Map) *process {
	p := &process{t: t, addr: "127.0.0.1:" + strconv.Itoa(freePort(t)), configs: config.Map{}, log: new(logBuffer)}
	for k, v := range configs {
		p.configs[k] = v
	}
	p.configs["listeners"] = "PLAINTEXT://" + p.addr
	p.configs["admin.listener"] = ""
	p.configs["log.dirs"] = dir
	t.Cleanup(p.kill)
	return p
}

// freePort finds a port that the system doesn't give to outgoing connections, so that it stays free over a restart.
func freePort(t *testing.T) int {
	for range 100 {
		port := 20_000 + rand.IntN(10_000)
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// start starts the broker and returns how long it took until it served.
func (p *process) start() time.Duration {
	p.t.Helper()
	if *jockoFlag != "" {
		args := []string{"server"}
		for k, v := range p.configs {
			args = append(args, "--override", k+"="+v)
		}
		p.cmd = exec.Command(*jockoFlag, args...)
	} else {
		self, err := os.Executable()
		ok(p.t, err)
		var env strings.Builder
		for k, v := range p.configs {
			fmt.Fprintf(&env, "%s=%s\n", k, v)
		}
		p.cmd = exec.Command(self)
		p.cmd.Env = append(os.Environ(), childVariable+"="+env.String())
	}
	p.cmd.Stderr = p.log
	stdin, err := p.cmd.StdinPipe()
	ok(p.t, err)
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	ok(p.t, err)
	begin := time.Now()
	ok(p.t, p.cmd.Start())
	ready, ended := make(chan time.Duration, 1), make(chan struct{})
	p.output = ended
	go func() {
		defer close(ended)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			if strings.Contains(s.Text(), readyLine) {
				ready <- time.Since(begin)
			}
		}
	}()
	select {
	case took := <-ready:
		return took
	case <-ended:
		p.t.Fatalf("the broker did not start:\n%s", tail(p.log.String()))
	case <-time.After(2 * time.Minute):
		p.t.Fatalf("the broker did not start within 2 minutes:\n%s", tail(p.log.String()))
	}
	return 0
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.output
	_ = p.cmd.Wait() // it was killed
	p.stdin.Close()
	p.cmd = nil
}

// memory is the resident memory of the process in bytes, 0 where the system doesn't tell.
func (p *process) memory() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// cpu is the processor time the process has taken, 0 where the system doesn't tell.
func (p *process) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(b), ") ") // the name in front may hold anything
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is a hundredth of a second
}

// tail is the end of a log.
func tail(s string) string {
	if len(s) > 4000 {
		return "..." + s[len(s)-4000:]
	}
	return s
}

// stopInOrder ends the process as an operator does, and waits until it is gone.
func (p *process) stopInOrder() {
	if *jockoFlag != "" {
		_ = p.cmd.Process.Signal(os.Interrupt)
	}
	p.stdin.Close() // a child's sign to stop
	<-p.output
	_ = p.cmd.Wait() // however it ended
	p.cmd = nil
}
