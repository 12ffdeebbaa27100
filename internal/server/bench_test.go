//go:build unix

package server_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

// ack answers with a few bytes, as a produce request is.
func ack(now bool) handler {
	finish := func(_ context.Context, out *protocol.Encoder) server.After {
		out.Int64(1)
		out.Int64(2)
		return server.After{}
	}
	return func(c *server.Conn, _ *protocol.Frame) (server.Finish, error) {
		if now {
			c.NoWait()
		}
		return finish, nil
	}
}

// BenchmarkRoundTrip is one request in flight on each connection. The client is another process: time, allocations and
// CPU are the server's. The system calls of one request are counted by
//
//	strace -c ./server.test -test.run XXX -test.bench RoundTrip/conns=1/nowait=true -test.benchtime 10000x
func BenchmarkRoundTrip(b *testing.B) {
	for _, conns := range []int{1, 64} {
		for _, now := range []bool{true, false} {
			for _, bytes := range []int{100, 1200} {
				b.Run(fmt.Sprintf("conns=%d/nowait=%v/bytes=%d", conns, now, bytes), func(b *testing.B) {
					s := run(b, server.Options{Handler: ack(now)})
					b.ReportAllocs()
					load(b, s, conns, bytes)
				})
			}
		}
	}
}

// BenchmarkReceive is the cost of reading large requests, one in flight, of a client in another process.
func BenchmarkReceive(b *testing.B) {
	for _, bytes := range []int{16 << 10, 128 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", bytes), func(b *testing.B) {
			s := run(b, server.Options{Handler: ack(true)})
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			seconds := load(b, s, 1, bytes)
			b.ReportMetric(seconds/(float64(b.N)*float64(bytes)/1e9), "cpu-s/GB")
		})
	}
}

// BenchmarkFileRange compares sendfile with pread and a write, by size of the range; ranges below sendfileMin are read in
// both. The client is a process of its own, so the CPU time for a GB is the sender's alone.
func BenchmarkFileRange(b *testing.B) {
	const fileSize = 256 << 20
	f, err := os.Create(filepath.Join(b.TempDir(), "segment"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for range fileSize >> 20 {
		if _, err := f.Write(request(1, 1<<20)); err != nil {
			b.Fatal(err)
		}
	}
	for _, bytes := range []int64{4 << 10, 16 << 10, 32 << 10, 48 << 10, 64 << 10, 96 << 10, 128 << 10, 256 << 10, 1 << 20, 8 << 20} {
		for _, kind := range []struct {
			name string
			file protocol.File
		}{{"sendfile", shown{f}}, {"copy", hidden{f}}} {
			b.Run(fmt.Sprintf("bytes=%d/%s", bytes, kind.name), func(b *testing.B) {
				var at int64
				s := run(b, server.Options{Handler: handler(func(c *server.Conn, _ *protocol.Frame) (server.Finish, error) {
					c.NoWait()
					return func(_ context.Context, out *protocol.Encoder) server.After {
						at = (at + bytes) % (fileSize - bytes)
						putRecords(out, protocol.Range{File: kind.file, Pos: at, Len: bytes})
						return server.After{}
					}, nil
				})})
				b.SetBytes(bytes)
				seconds := load(b, s, 1, 100)
				b.ReportMetric(seconds/(float64(b.N)*float64(bytes)/1e9), "sender-cpu-s/GB")
			})
		}
	}
}

// load has another process make b.N requests of a size over a number of connections, one in flight on each, and throw
// the responses away. It returns, and reports, the CPU time that took in this process.
func load(b *testing.B, s *fixture, conns, bytes int) (seconds float64) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("JOCKO_TEST_LOAD=%s %d %d %d", s.Addr(plaintext), b.N, conns, bytes))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	word := make([]byte, len("done"))
	for range 2 { // connected, done
		if _, err := io.ReadFull(stdout, word); err != nil {
			b.Fatal(err)
		}
		if string(word) == "done" {
			break
		}
		b.ResetTimer()
		seconds = cpu()
		if _, err := stdin.Write([]byte("go")); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	seconds = cpu() - seconds
	b.ReportMetric(seconds/float64(b.N)*1e6, "cpu-us/op")
	if err := cmd.Wait(); err != nil {
		b.Error(err)
	}
	return seconds
}

// TestMain is also the process that makes the load.
func TestMain(m *testing.M) {
	order := os.Getenv("JOCKO_TEST_LOAD")
	if order == "" {
		os.Exit(m.Run())
	}
	if err := makeLoad(order); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func makeLoad(order string) error {
	var addr string
	var n, conns, bytes int
	if _, err := fmt.Sscan(order, &addr, &n, &conns, &bytes); err != nil {
		return err
	}
	clients := make([]net.Conn, conns)
	for i := range clients {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		clients[i] = nc
		if err := exchange(nc, 1, bytes); err != nil { // everything is warm
			return err
		}
	}
	fmt.Print("open")
	if _, err := io.ReadFull(os.Stdin, make([]byte, len("go"))); err != nil {
		return err
	}
	errs := make(chan error)
	for i, nc := range clients {
		go func() { errs <- exchange(nc, (n+i)/conns, bytes) }()
	}
	for range clients {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Print("done")
	return nil
}

// exchange makes n requests, one after the other.
func exchange(nc net.Conn, n, bytes int) error {
	rq, buf := framed(request(1, bytes)), make([]byte, 256<<10)
	for range n {
		if _, err := nc.Write(rq); err != nil {
			return err
		}
		got, err := io.ReadAtLeast(nc, buf, 4)
		if err != nil {
			return err
		}
		for left := int(binary.BigEndian.Uint32(buf)) + 4 - got; left > 0; left -= got {
			if got, err = nc.Read(buf[:min(left, len(buf))]); err != nil {
				return err
			}
		}
	}
	return nil
}

// cpu is the process's CPU time in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// A request and its response allocate nothing on the reader's path, and next to nothing on the writer's.
func TestAllocationsPerRequest(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget on purpose under the race detector")
	}
	for _, tc := range []struct {
		now  bool
		want float64
	}{{true, 0}, {false, 1}} {
		s := run(t, server.Options{Handler: ack(tc.now)})
		nc, rq, rsp := s.dial(t), framed(request(1, 1200)), make([]byte, 20)
		got := testing.AllocsPerRun(1000, func() {
			if _, err := nc.Write(rq); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(nc, rsp); err != nil {
				t.Fatal(err)
			}
		})
		if got > tc.want {
			t.Errorf("nowait=%v: %v allocations a request, want %v", tc.now, got, tc.want)
		}
	}
}

// An idle connection costs little: what it needed for its requests is given back.
func TestIdleConnectionMemory(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("opens 2,000 connections, and the race detector has memory of its own")
	}
	const conns = 2000
	s := run(t, server.Options{Handler: handler(echoLater)})
	rq, rsp := framed(request(1, 5000)), make([]byte, 5004)
	clients := make([]*os.File, conns) // bare descriptors: the client's own memory must not count
	before := inUse()
	for i := range clients {
		clients[i] = bareDial(t, s.Addr(plaintext).(*net.TCPAddr))
		if _, err := clients[i].Write(rq); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(clients[i], rsp); err != nil {
			t.Fatal(err)
		}
	}
	after := inUse()
	per := float64(after-before) / conns
	t.Logf("%.0f bytes for an idle connection, its client's bare descriptor included", per)
	if per > 8<<10 {
		t.Errorf("%.0f bytes for an idle connection, want at most 8 KiB", per)
	}
}

// inUse is the memory of heap and stacks after a collection.
func inUse() int64 {
	for range 3 { // stacks shrink by half in each, pools need two
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse + m.MSpanInuse + m.OtherSys)
}

// bareDial connects a blocking socket.
func bareDial(t testing.TB, addr *net.TCPAddr) *os.File {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "client")
	t.Cleanup(func() { f.Close() })
	return f
}
