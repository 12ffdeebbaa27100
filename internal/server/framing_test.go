package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

const testLimit = 4 << 20

func size(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// Lengths that no request has end the connection, after the requests before them were answered.
func TestBadLengths(t *testing.T) {
	first := request(1, 20)
	for _, tc := range []struct {
		name string
		tail []byte
	}{
		{"negative", size(-1)},
		{"most negative", size(-1 << 31)},
		{"zero", size(0)},
		{"one", size(1)},
		{"three", append(size(3), 1, 2, 3)},
		{"below a header", append(size(7), make([]byte, 7)...)},
		{"above the limit", size(testLimit + 1)},
		{"2 GiB", size(1<<31 - 1)},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		{"TLS", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}},
		{"trailing garbage", []byte{0xff, 0xff, 0xff, 0xff, 0xff}},
	} {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, request before %v", tc.name, before), func(t *testing.T) {
				s := run(t, server.Options{Handler: handler(echoLater), Limits: server.Limits{MaxRequestBytes: testLimit}})
				healthy, nc := s.dial(t), s.dial(t)
				if before {
					send(t, nc, append(framed(first), tc.tail...))
					expect(t, nc, first)
				} else {
					send(t, nc, tc.tail)
				}
				expectEnd(t, nc)
				send(t, healthy, framed(first))
				expect(t, healthy, first)
				s.stop()
				if s.closed(metrics.ClosedBadFrame) != 1 {
					t.Error("the bad frame wasn't counted")
				}
				if n := s.stats.InFlightBytes.Load(); n != 0 {
					t.Errorf("%d bytes still claimed", n)
				}
			})
		}
	}
}

// A connection that ends within a frame starts nothing, and gives back what it claimed.
func TestTruncatedAtEveryByte(t *testing.T) {
	started := make(chan struct{}, 1)
	s := run(t, server.Options{Handler: handler(func(*server.Conn, *protocol.Frame) (server.Finish, error) {
		started <- struct{}{}
		return nil, nil
	})})
	lengths := []int{0, 8191, 8192, 8193, 32 << 10, 70_000}
	for i := range 64 {
		lengths = append(lengths, i)
	}
	whole := framed(request(3, 80_000))
	small := framed(request(3, 64))
	for _, n := range lengths {
		nc := s.dial(t)
		if n < len(small) {
			send(t, nc, small[:n])
		} else {
			send(t, nc, whole[:n])
		}
		if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		expectEnd(t, nc)
	}
	s.stop()
	if len(started) > 0 {
		t.Error("a truncated request was started")
	}
	if n := s.stats.InFlightBytes.Load(); n != 0 {
		t.Errorf("%d bytes still claimed", n)
	}
}

func TestOneBytePerSegment(t *testing.T) {
	s := run(t, server.Options{})
	nc := s.dial(t)
	want := request(5, 50)
	for range 3 {
		for _, b := range framed(want) {
			send(t, nc, []byte{b})
		}
		expect(t, nc, want)
	}
}

// Requests of all sizes around the buffers' edges, in pieces of random sizes, many in flight.
func TestRequestsInRandomPieces(t *testing.T) {
	sizes := []int{8, 9, 100, 4096, 8187, 8188, 8189, 8192, 8193, 20_000, 32 << 10, 32<<10 + 1, 100_000, 128 << 10, 600_000, 3 << 20}
	for _, kind := range []string{"socket", "memory"} {
		t.Run(kind, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			listener := newPipes()
			opt := server.Options{Handler: handler(sometimesLater(rng.Uint64())), Limits: server.Limits{MaxRequestBytes: testLimit}}
			var nc net.Conn
			if kind == "memory" {
				opt.Listen = listener.listen
				run(t, opt)
				nc = listener.dial(t, nil)
			} else {
				nc = run(t, opt).dial(t)
			}
			var wants [][]byte
			var stream []byte
			for i := range 200 {
				want := request(i, sizes[rng.IntN(len(sizes)-i%2*3)])
				wants = append(wants, want)
				stream = append(stream, framed(want)...)
			}
			sent := make(chan error, 1)
			go func() {
				for len(stream) > 0 {
					n := min(1+rng.IntN(1<<rng.IntN(20)), len(stream))
					if _, err := nc.Write(stream[:n]); err != nil {
						sent <- err
						return
					}
					stream = stream[n:]
				}
				sent <- nil
			}()
			for _, want := range wants {
				expect(t, nc, want)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}

// sometimesLater echoes, by turns on the reader, on the writer, and with a Finish that waits a little.
func sometimesLater(seed uint64) handler {
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
		switch rng.IntN(3) {
		case 0:
			return echo(c, f)
		case 1:
			return echoLater(c, f)
		}
		ready := make(chan struct{})
		go close(ready)
		finish, err := echoLater(c, f)
		return func(ctx context.Context, out *protocol.Encoder) server.After {
			<-ready
			return finish(ctx, out)
		}, err
	}
}

// FuzzFraming sends arbitrary bytes in two pieces and checks that exactly the whole frames before the first bad length
// are started.
func FuzzFraming(f *testing.F) {
	f.Add(framed(request(1, 8)), uint16(2))
	f.Add(append(framed(request(1, 20)), framed(request(2, 9000))...), uint16(100))
	f.Add(append(framed(request(1, 20)), size(-5)...), uint16(23))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(0))
	f.Add([]byte{0, 0, 0, 3, 1, 2, 3}, uint16(5))
	listener := newPipes()
	var got [][]byte
	run(f, server.Options{
		Listen: listener.listen,
		Limits: server.Limits{MaxRequestBytes: 20_000},
		Handler: handler(func(_ *server.Conn, f *protocol.Frame) (server.Finish, error) {
			got = append(got, bytes.Clone(f.Bytes()))
			return nil, nil
		}),
	})
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		got = nil
		ended := make(chan struct{})
		nc := listener.dial(t, func(nc net.Conn) net.Conn { return &watched{Conn: nc, closed: ended} })
		at := min(int(cut), len(stream))
		for _, piece := range [][]byte{stream[:at], stream[at:]} {
			if _, err := nc.Write(piece); err != nil {
				break // a bad length before
			}
		}
		nc.Close()
		<-ended
		want := frames(stream, 20_000)
		if len(got) != len(want) {
			t.Fatalf("started %d requests, want %d", len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("request %d is %s, want %s", i, brief(got[i]), brief(want[i]))
			}
		}
	})
}

// frames is the oracle: the whole frames before the first bad length.
func frames(stream []byte, limit int32) (all [][]byte) {
	for len(stream) >= 4 {
		n := int32(binary.BigEndian.Uint32(stream))
		if n < 8 || n > limit || int(n) > len(stream)-4 {
			break
		}
		all = append(all, stream[4:4+n])
		stream = stream[4+n:]
	}
	return all
}
