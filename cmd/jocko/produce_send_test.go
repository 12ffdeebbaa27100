package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/record"
)

// flakyBroker is the least of a broker that a producer can talk to, over a real connection: it keeps a partition's
// batches, minds an idempotent producer's sequence numbers as Kafka does, and fails requests at random.
type flakyBroker struct {
	addr string

	mu       sync.Mutex
	fail     func() fault
	log      []string // values, in order
	sequence int32    // the next one wanted
	faults   int
}

type fault int

const (
	faultNone       fault = iota
	faultNotLeader        // refused, retriable
	faultDropBefore       // the connection breaks and nothing was kept
	faultDropAfter        // the connection breaks, but the batch was kept
)

var flakyTopicID = [16]byte{1}

func startFlakyBroker(t *testing.T, fail func() fault) *flakyBroker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flakyBroker{addr: l.Addr().String(), fail: fail}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return f
}

// serve answers one request after the other until the connection ends.
func (f *flakyBroker) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var size [4]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(conn, frame); err != nil {
			return
		}
		req := kmsg.RequestForKey(int16(binary.BigEndian.Uint16(frame)))
		req.SetVersion(int16(binary.BigEndian.Uint16(frame[2:])))
		correlation := frame[4:8]
		body := frame[10+int16(binary.BigEndian.Uint16(frame[8:])):]
		if req.IsFlexible() {
			body = body[1:]
		}
		if err := req.ReadFrom(body); err != nil {
			return
		}
		resp := f.answer(req)
		if resp == nil {
			return
		}
		out := append([]byte{0, 0, 0, 0}, correlation...)
		if resp.IsFlexible() && resp.Key() != 18 {
			out = append(out, 0)
		}
		out = resp.AppendTo(out)
		binary.BigEndian.PutUint32(out, uint32(len(out)-4))
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// answer returns nil to break the connection.
func (f *flakyBroker) answer(req kmsg.Request) kmsg.Response {
	resp := req.ResponseKind()
	switch r := resp.(type) {
	case *kmsg.ApiVersionsResponse:
		for _, k := range []struct{ key, most int16 }{{0, 12}, {3, 12}, {18, 3}} {
			r.ApiKeys = append(r.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: k.key, MaxVersion: k.most})
		}
	case *kmsg.MetadataResponse:
		host, port, _ := net.SplitHostPort(f.addr)
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host = 1, host
		fmt.Sscan(port, &b.Port)
		r.Brokers = append(r.Brokers, b)
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Leader = 1
		t := kmsg.NewMetadataResponseTopic()
		t.Topic, t.TopicID, t.Partitions = kmsg.StringPtr("t"), flakyTopicID, append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	case *kmsg.ProduceResponse:
		code, ok := f.produce(req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records)
		if !ok {
			return nil
		}
		p := kmsg.NewProduceResponseTopicPartition()
		p.ErrorCode = code
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.Partitions = "t", append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
	return resp
}

func (f *flakyBroker) produce(records []byte) (code int16, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := f.fail()
	if kind != faultNone {
		f.faults++
	}
	switch kind {
	case faultNotLeader:
		return kerr.NotLeaderForPartition.Code, true
	case faultDropBefore:
		return 0, false
	}
	b, _, err := record.Next(records)
	if err != nil || b.CheckCRC() != nil {
		return kerr.CorruptMessage.Code, true
	}
	switch seq := b.BaseSequence(); {
	case seq >= 0 && seq < f.sequence:
		code = kerr.DuplicateSequenceNumber.Code
	case seq > f.sequence:
		code = kerr.OutOfOrderSequenceNumber.Code
	default:
		f.sequence += b.Count()
		var d batchDecoder
		_ = d.decode(fetched{records: records}, -1, func(r *consumed) error {
			f.log = append(f.log, string(r.value))
			return nil
		})
	}
	return code, kind != faultDropAfter
}

// sendThrough sends n records, several to a batch, to the flaky broker.
func sendThrough(t *testing.T, f *flakyBroker, n, inFlight int, identity producerIdentity, deadline time.Duration) (acked int, err error) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.addr), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	ch := make(chan *batch, inFlight)
	b := newBatcher("t", []chan<- *batch{ch}, 200, nil, identity)
	s := &batchSender{
		client: client, topic: "t", topicID: flakyTopicID, leader: 1, in: ch, acks: -1, inFlight: inFlight,
		deadline: deadline, timeout: 5 * time.Second,
		acked: func(sent *batch) { acked += int(sent.count); b.done(sent) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(ch)
		for i := range n {
			if b.add(ctx, &message{value: fmt.Append(nil, "value-", i), partition: -1}) != nil {
				return
			}
		}
		_ = b.flush(ctx)
	}()
	err = s.run(ctx)
	return acked, err
}

// TestSendExactlyOnceInOrder breaks one request in four: an idempotent producer's records are there once, in order.
func TestSendExactlyOnceInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	left := 25 // faults; each costs a pause
	f := startFlakyBroker(t, func() fault {
		if left == 0 || rnd.IntN(4) > 0 {
			return faultNone
		}
		left--
		return faultNotLeader + fault(rnd.IntN(3))
	})
	const n = 5000
	acked, err := sendThrough(t, f, n, 5, producerIdentity{1, 0}, 30*time.Second)
	if err != nil || acked != n {
		t.Fatalf("%d of %d acknowledged, %v", acked, n, err)
	}
	checkLog(t, f, n)
	if f.faults < 15 {
		t.Errorf("only %d faults", f.faults)
	}
}

func checkLog(t *testing.T, f *flakyBroker, n int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, v := range f.log {
		if v != fmt.Sprint("value-", i) {
			t.Fatalf("offset %d holds %s", i, v)
		}
	}
	if len(f.log) != n {
		t.Fatalf("%d records kept; want %d", len(f.log), n)
	}
}

// TestSendOneInFlight keeps order without sequence numbers, as long as refused batches weren't kept.
func TestSendOneInFlight(t *testing.T) {
	left := 5
	f := startFlakyBroker(t, func() fault {
		if left == 0 {
			return faultNone
		}
		left--
		return faultNotLeader
	})
	if acked, err := sendThrough(t, f, 500, 1, producerIdentity{-1, -1}, 30*time.Second); err != nil || acked != 500 {
		t.Fatalf("%d acknowledged, %v", acked, err)
	}
	checkLog(t, f, 500)
}

func TestSendGivesUp(t *testing.T) {
	f := startFlakyBroker(t, func() fault { return faultNotLeader })
	_, err := sendThrough(t, f, 10, 5, producerIdentity{1, 0}, 300*time.Millisecond)
	if !errors.Is(err, kerr.NotLeaderForPartition) || !strings.Contains(err.Error(), "gave up after 300ms") {
		t.Errorf("got %v", err)
	}
}

func TestSendFatal(t *testing.T) {
	f := startFlakyBroker(t, func() fault { return faultNone })
	f.sequence = 100 // of a producer that was here before: ours look like duplicates, then like a gap
	_, err := sendThrough(t, f, 10, 5, producerIdentity{1, 0}, time.Second)
	if err != nil {
		t.Errorf("duplicates are no failure: %v", err)
	}
	f.sequence = -100
	if _, err = sendThrough(t, f, 10, 5, producerIdentity{1, 0}, time.Second); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
		t.Errorf("a gap before the first batch is lost data: got %v", err)
	}
}

func TestSummaryOfPipeline(t *testing.T) {
	p := producePipeline{target: &produceTarget{topic: "t"}, started: time.Now().Add(-time.Second)}
	p.sent.Store(1)
	p.bytes.Store(2000)
	if got := p.summary(); !strings.HasPrefix(got, "sent 1 record, 2.0 kB, to t in 1") || !bytes.Contains([]byte(got), []byte("kB/s")) {
		t.Errorf("got %q", got)
	}
}
