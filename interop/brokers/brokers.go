// Package brokers starts Apache Kafka and Jocko as processes on the loopback interface, so that
// tests and benchmarks can drive both the same way.
//
// Its main type is Broker, one running process. The invariant: a Broker is ended by its own process
// id only, and nothing it opened outlives Stop or Kill but the files in its folder.
package brokers

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Kind says which broker to run.
type Kind string

// The kinds of broker.
const (
	Kafka Kind = "kafka"
	Jocko Kind = "jocko"
)

// Options are what a broker starts with. The zero value is a broker with its defaults.
type Options struct {
	Dir    string            // holds everything the broker writes; kept at Stop
	Port   int               // 0 picks a free one below 32768
	Config map[string]string // server.properties, over the defaults of this package
	CPUs   string            // taskset's list of CPUs; empty leaves the process alone
	Heap   string            // Kafka's -Xmx and -Xms; default 1g, as its start script has it
	Binary string            // Jocko's binary; empty builds it from this repository
	Java   []string          // more flags for Kafka's JVM
	Env    []string          // more environment
}

// Broker is one running broker process.
type Broker struct {
	Kind    Kind
	Addr    string    // host:port of the Kafka listener
	Dir     string    // Options.Dir
	DataDir string    // the one log dir
	Started time.Time // when the process was last started

	opt   Options
	child *Child // nil until the first start
}

// startTimeout bounds how long a broker may take to listen; a JVM on a busy machine is slow.
const startTimeout = 2 * time.Minute

// Start starts a broker of the kind and waits until it accepts connections.
func Start(ctx context.Context, kind Kind, opt Options) (*Broker, error) {
	if opt.Dir == "" {
		return nil, errors.New("brokers: Options.Dir is empty")
	}
	if err := os.MkdirAll(opt.Dir, 0o755); err != nil {
		return nil, err
	}
	port := opt.Port
	if port == 0 {
		var err error
		if port, err = FreePort(); err != nil {
			return nil, err
		}
		opt.Port = port
	}
	b := &Broker{
		Kind: kind, Dir: opt.Dir, DataDir: filepath.Join(opt.Dir, "data"),
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), opt: opt,
	}
	return b, b.start(ctx)
}

// Restart starts a broker again that was stopped or killed, on the same folder and port.
func (b *Broker) Restart(ctx context.Context) error { return b.start(ctx) }

func (b *Broker) start(ctx context.Context) error {
	cmd, err := b.command(ctx)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(b.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = b.Dir
	cmd.Env = append(os.Environ(), b.opt.Env...)
	b.Started = time.Now()
	child, err := StartChild(cmd)
	if err != nil {
		return err
	}
	b.child = child
	if err := b.waitListening(ctx); err != nil {
		b.Kill()
		return err
	}
	return nil
}

// LogFile is where the broker's standard output and error go.
func (b *Broker) LogFile() string { return filepath.Join(b.Dir, "log") }

// PID is the broker's process id.
func (b *Broker) PID() int { return b.child.PID() }

func (b *Broker) waitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", b.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-b.child.Done():
			return fmt.Errorf("the %s broker ended at start: %w\n%s", b.Kind, b.child.Wait(), b.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the %s broker does not listen on %s: %w\n%s", b.Kind, b.Addr, ctx.Err(), b.logTail())
		case <-tick.C:
		}
	}
}

func (b *Broker) logTail() string {
	data, err := os.ReadFile(b.LogFile())
	if err != nil {
		return err.Error()
	}
	const most = 4 << 10
	return string(data[max(0, len(data)-most):])
}

// Stop asks the broker to end and waits for it. A broker that has not ended after 30 s is killed,
// and that is an error.
func (b *Broker) Stop() error {
	if err := b.child.Stop(); err != nil {
		return fmt.Errorf("the %s broker: %w", b.Kind, err)
	}
	return nil
}

// Kill ends the broker at once, as kill -9 does, and waits until it is gone.
func (b *Broker) Kill() { b.child.Kill() }

// Running says whether the process is still there.
func (b *Broker) Running() bool { return !b.child.ended() }

// FreePort returns a loopback port below 32768, where the kernel takes none for outgoing
// connections. Nothing holds it: a port in use at Start is an error of Start.
func FreePort() (int, error) {
	for range 1000 {
		port := 12000 + rand.IntN(18000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("brokers: no free port below 32768")
}

func (b *Broker) command(ctx context.Context) (*exec.Cmd, error) {
	var argv []string
	var err error
	switch b.Kind {
	case Kafka:
		argv, err = b.kafkaArgs(ctx)
	case Jocko:
		argv, err = b.jockoArgs(ctx)
	default:
		err = fmt.Errorf("unknown kind of broker %q", b.Kind)
	}
	if err != nil {
		return nil, err
	}
	if b.opt.CPUs != "" {
		argv = append([]string{"taskset", "-c", b.opt.CPUs}, argv...)
	}
	return exec.Command(argv[0], argv[1:]...), nil
}

// writeProperties writes server.properties: defaults first, then what the caller set.
func (b *Broker) writeProperties(defaults [][2]string) (string, error) {
	name := filepath.Join(b.Dir, "server.properties")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, kv := range defaults {
		if _, over := b.opt.Config[kv[0]]; over {
			continue
		}
		fmt.Fprintf(f, "%s=%s\n", kv[0], kv[1])
	}
	for k, v := range b.opt.Config {
		if _, err := fmt.Fprintf(f, "%s=%s\n", k, v); err != nil {
			return "", err
		}
	}
	return name, f.Close()
}

func checksum(p []byte) uint32 { return crc32.ChecksumIEEE(p) }

// Text returns a file's content, or the error in its place: for messages of failed tests.
func Text(r io.Reader) string {
	data, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data))
}
