package node

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// exchange is a connection that sends the same request over and over, without an
// allocation of its own.
type exchange struct {
	testing.TB
	conn    net.Conn
	key     protocol.Key
	version int16
	m       protocol.Message
	next    func() // changes m between two requests; nil: it stays
	header  protocol.RequestHeader
	e       *protocol.Encoder
	rsp     []byte
}

func newExchange(t testing.TB, addr string, key protocol.Key, version int16, m protocol.Message) *exchange {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client := "allocations"
	return &exchange{
		TB: t, conn: conn, key: key, version: version, m: m, e: protocol.NewEncoder(), rsp: make([]byte, 64<<10),
		header: protocol.RequestHeader{Key: key, Version: version, CorrelationID: 7, ClientID: &client},
	}
}

// once sends the request and returns the response without its size.
func (x *exchange) once() []byte {
	x.e.Reset()
	at := x.e.Reserve(4)
	x.header.Encode(x.e)
	x.m.Encode(x.e, x.version)
	x.e.PatchInt32(at, int32(x.e.Size()-4))
	if _, err := x.conn.Write(x.e.Bytes()); err != nil {
		x.Fatal(err)
	}
	if _, err := io.ReadFull(x.conn, x.rsp[:4]); err != nil {
		x.Fatal(err)
	}
	n := binary.BigEndian.Uint32(x.rsp)
	if _, err := io.ReadFull(x.conn, x.rsp[:n]); err != nil {
		x.Fatal(err)
	}
	if x.next != nil {
		x.next()
	}
	return x.rsp[:n]
}

// check sends the request once and wants an answer that is what it asked for.
func (x *exchange) check() protocol.Message {
	x.Helper()
	d := protocol.NewDecoder(x.once())
	if _, err := protocol.DecodeResponseHeader(d, x.key, x.version); err != nil {
		x.Fatal(err)
	}
	m := x.key.NewResponse()
	if err := m.Decode(d, x.version); err != nil {
		x.Fatal(err)
	}
	switch m := m.(type) {
	case *protocol.ProduceResponse:
		if c := m.Responses[0].PartitionResponses[0].ErrorCode; c != 0 {
			x.Fatal(protocol.Error(c))
		}
	case *protocol.FetchResponse:
		p := m.Responses[0].Partitions[0]
		if p.ErrorCode != 0 || p.Records.Size() == 0 {
			x.Fatalf("fetched %d bytes, %v", p.Records.Size(), protocol.Error(p.ErrorCode))
		}
	}
	return m
}

// perRequest counts the allocations of one request, the whole process's.
func (x *exchange) perRequest(n int) (allocs, bytes float64) {
	for range 200 {
		x.once() // pools and buffers get their size
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		x.once()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
}

// produceRequest writes a batch of 10 records of 100 bytes to partition 0.
func produceRequest(id protocol.UUID) *protocol.ProduceRequest {
	b := record.NewBuilder(record.None, 0)
	for range 10 {
		b.Append(time.Now().UnixMilli(), nil, make([]byte, 100))
	}
	return &protocol.ProduceRequest{Acks: -1, TimeoutMs: 30_000, TopicData: []protocol.ProduceRequestTopicProduceData{{
		TopicId: id, PartitionData: []protocol.ProduceRequestPartitionProduceData{{Records: b.Build()}},
	}}}
}

// fetchRequest reads a batch of partition 0 from the offset on.
func fetchRequest(id protocol.UUID, offset int64) *protocol.FetchRequest {
	rq := &protocol.FetchRequest{}
	rq.Default()
	rq.SessionEpoch = -1
	rq.MaxWaitMs, rq.MinBytes, rq.MaxBytes = 500, 1, 1<<20
	p := protocol.FetchRequestFetchPartition{}
	p.Default()
	p.FetchOffset, p.PartitionMaxBytes = offset, 1000
	rq.Topics = []protocol.FetchRequestFetchTopic{{TopicId: id, Partitions: []protocol.FetchRequestFetchPartition{p}}}
	return rq
}

// allocating is a node on a disk, whose tail ring is small, so that it is full
// and gives frames back soon.
func allocating(t testing.TB) (*running, protocol.UUID) {
	t.Helper()
	n := run(t, Env{FS: vfs.OS()}, config.Map{"log.dirs": t.TempDir(), "log.tail.cache.bytes": "65536"})
	produce(t, client(t, n.Addr()), "t", 0, 1)
	return n, n.raft.Image().Topic("t").ID
}

// inSession lets the fetch go on in an incremental session, reading the same
// batch again and again.
func (x *exchange) inSession() {
	x.Helper()
	rq := x.m.(*protocol.FetchRequest)
	rq.SessionEpoch = 0
	rq.SessionId = x.check().(*protocol.FetchResponse).SessionId
	x.next = func() { rq.SessionEpoch++ }
	x.next()
}

// TestAllocationsPerRequest is a gate: what one request through the whole broker,
// from socket to log and back, may allocate. The limits are what was measured
// and a little more; lower them when it gets better.
func TestAllocationsPerRequest(t *testing.T) {
	if raceEnabled || poison.On {
		t.Skip("the race detector allocates and empties pools, poison what they keep")
	}
	n, id := allocating(t)
	p := newExchange(t, n.Addr(), protocol.Produce, 13, produceRequest(id))
	p.check()
	gate(t, p, "produce", maxProduceAllocs, maxProduceBytes)

	last := int64(n.dirs.Logs()[0].End()) - 10
	tail := newExchange(t, n.Addr(), protocol.Fetch, 17, fetchRequest(id, last))
	tail.inSession()
	gate(t, tail, "fetch in a session, from the ring", maxFetchAllocs, maxFetchBytes)
	cold := newExchange(t, n.Addr(), protocol.Fetch, 17, fetchRequest(id, 10))
	cold.inSession()
	gate(t, cold, "fetch in a session, from the file", maxFetchAllocs, maxFetchBytes)
	plain := newExchange(t, n.Addr(), protocol.Fetch, 17, fetchRequest(id, last))
	plain.check()
	gate(t, plain, "fetch outside a session", maxFullFetchAllocs, maxFullFetchBytes)
}

const (
	maxProduceAllocs, maxProduceBytes     = 0.5, 128
	maxFetchAllocs, maxFetchBytes         = 0.5, 256
	maxFullFetchAllocs, maxFullFetchBytes = 12, 1300
)

func gate(t *testing.T, x *exchange, what string, maxAllocs, maxBytes float64) {
	t.Helper()
	allocs, bytes := x.perRequest(2000)
	x.check()
	t.Logf("%s: %.2f allocations, %.0f bytes a request", what, allocs, bytes)
	if allocs > maxAllocs || bytes > maxBytes {
		t.Errorf("%s: more than %v allocations or %v bytes", what, maxAllocs, maxBytes)
	}
}

func BenchmarkProduce(b *testing.B) {
	n, id := allocating(b)
	x := newExchange(b, n.Addr(), protocol.Produce, 13, produceRequest(id))
	b.ReportAllocs()
	for b.Loop() {
		x.once()
	}
}

func BenchmarkFetch(b *testing.B) {
	n, id := allocating(b)
	for _, session := range []bool{true, false} {
		b.Run(fmt.Sprintf("session=%t", session), func(b *testing.B) {
			x := newExchange(b, n.Addr(), protocol.Fetch, 17, fetchRequest(id, 0))
			if session {
				x.inSession()
			}
			b.ReportAllocs()
			for b.Loop() {
				x.once()
			}
		})
	}
}
