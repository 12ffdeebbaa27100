package interop

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// process is a client in another language: a program that reads one command a line on standard
// input and answers with lines, the last of which is "ok" or "error MESSAGE".
//
//	produce TOPIC PARTITION CODEC ACKS IDEMPOTENT COUNT
//	consume TOPIC PARTITION OFFSET COUNT           -> record OFFSET TIMESTAMP KEY<tab>VALUE ...
//	consume-at TOPIC PARTITION TIMESTAMP COUNT     -> record ...
//	create TOPIC PARTITIONS K=V,...
//	describe TOPIC                                 -> partitions N
//	set TOPIC KEY VALUE
//	config TOPIC KEY                               -> config VALUE
//	grow TOPIC TOTAL
//	delete-records TOPIC PARTITION OFFSET
//	delete TOPIC
//
// Those of groups are at processGroups, those of transactions at processTransactions. Tests that run
// at once may share a process: it does one command at a time.
type process struct {
	mu     sync.Mutex // held while a command is done
	in     io.WriteCloser
	lines  chan string
	stderr *tail
}

// tail keeps the end of what a program wrote to standard error.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if len(t.data) > 8<<10 {
		t.data = t.data[len(t.data)-4<<10:]
	}
	return len(p), nil
}

// startProcess starts the program with the bootstrap address as its last argument; it ends with the
// test.
func startProcess(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Args = append(cmd.Args, target(t).Addr)
	p := &process{stderr: new(tail), lines: make(chan string, 1000)}
	cmd.Stderr = p.stderr
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, end, err := os.Pipe() // not the command's own, which is closed when the process ends, read or not
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = end
	child, err := brokers.StartChild(cmd)
	end.Close()
	if err != nil {
		out.Close()
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		defer out.Close()
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		p.in.Close()
		kill := time.AfterFunc(10*time.Second, child.Kill)
		defer kill.Stop()
		for range p.lines {
			continue
		}
		_ = child.Wait() // what it did was checked by its answers
	})
	return p
}

const commandTimeout = 60 * time.Second

func (p *process) do(format string, args ...any) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, p.stderr.data)
	}
	timeout := time.After(commandTimeout)
	var out []string
	for {
		select {
		case line, open := <-p.lines:
			switch {
			case !open:
				return nil, fmt.Errorf("the client ended\n%s", p.stderr.data)
			case line == "ok":
				return out, nil
			case strings.HasPrefix(line, "error "):
				return nil, errors.New(line)
			}
			out = append(out, line)
		case <-timeout:
			return nil, fmt.Errorf("no answer within %s\n%s", commandTimeout, p.stderr.data)
		}
	}
}

func (p *process) run(format string, args ...any) error {
	_, err := p.do(format, args...)
	return err
}

func (p *process) produce(topic string, partition int32, codec, acks string, idempotent bool, n int) error {
	return p.run("produce %s %d %s %s %v %d", topic, partition, codec, acks, idempotent, n)
}

func (p *process) consume(topic string, partition int32, offset int64, n int) ([]rec, error) {
	return records(p.do("consume %s %d %d %d", topic, partition, offset, n))
}

func (p *process) consumeAt(topic string, partition int32, timestamp int64, n int) ([]rec, error) {
	return records(p.do("consume-at %s %d %d %d", topic, partition, timestamp, n))
}

// records parses lines "record OFFSET TIMESTAMP KEY<tab>VALUE".
func records(lines []string, err error) ([]rec, error) {
	if err != nil {
		return nil, err
	}
	var out []rec
	for _, line := range lines {
		f := strings.SplitN(line, " ", 4)
		if len(f) != 4 || f[0] != "record" {
			return nil, fmt.Errorf("unexpected answer %q", line)
		}
		offset, err1 := strconv.ParseInt(f[1], 10, 64)
		timestamp, err2 := strconv.ParseInt(f[2], 10, 64)
		k, v, ok := strings.Cut(f[3], "\t")
		if err := errors.Join(err1, err2); err != nil || !ok {
			return nil, fmt.Errorf("unexpected answer %q: %w", line, err)
		}
		out = append(out, rec{offset, timestamp, k, v})
	}
	return out, nil
}

func (p *process) createTopic(topic string, partitions int32, configs map[string]string) error {
	return p.run("create %s %d %s", topic, partitions, pairs(configs))
}

// one parses an answer of one line "WORD REST".
func (p *process) one(word, format string, args ...any) (string, error) {
	lines, err := p.do(format, args...)
	if err != nil {
		return "", err
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], word+" ") {
		return "", fmt.Errorf("unexpected answer %q", lines)
	}
	return strings.TrimPrefix(lines[0], word+" "), nil
}

func (p *process) partitions(topic string) (int, error) {
	s, err := p.one("partitions", "describe %s", topic)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(s)
}

func (p *process) setConfig(topic, key, value string) error {
	return p.run("set %s %s %s", topic, key, value)
}

func (p *process) config(topic, key string) (string, error) {
	return p.one("config", "config %s %s", topic, key)
}

func (p *process) addPartitions(topic string, total int32) error {
	return p.run("grow %s %d", topic, total)
}

func (p *process) deleteRecords(topic string, partition int32, before int64) error {
	return p.run("delete-records %s %d %d", topic, partition, before)
}

func (p *process) deleteTopic(topic string) error { return p.run("delete %s", topic) }

// output runs a command to its end and returns its standard output.
func output(t *testing.T, cmd *exec.Cmd, stdin string) string {
	t.Helper()
	out, err := try(cmd, stdin)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(cmd *exec.Cmd, stdin string) (string, error) {
	errs := new(tail)
	cmd.Stderr = errs
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, errs.data, out)
	}
	return string(out), nil
}

// tool runs one of Kafka's command-line tools.
func tool(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd, err := brokers.Tool(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return output(t, cmd, stdin)
}
