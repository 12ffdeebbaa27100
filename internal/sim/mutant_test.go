package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// healthy is a client that works beside the attackers: whatever they do, it gets its answers, soon, and its records stay.
type healthy struct {
	t         *testing.T
	p         *process
	ledger    *ledger
	tp        partition
	latencies []time.Duration
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

func startHealthy(t *testing.T, p *process) *healthy {
	h := &healthy{t: t, p: p, ledger: newLedger(), tp: partition{"healthy-client-of-the-broker", 0}}
	c, err := connect(tcp(p.addr))
	ok(t, err)
	ok(t, c.createTopic(h.tp.topic, 1, nil))
	s := h.ledger.open(h.tp, false)
	var ctx context.Context
	ctx, h.cancel = context.WithCancel(context.Background())
	t.Cleanup(func() { // also of a test that ended early: reporting to one that is over is a panic
		h.cancel()
		h.wg.Wait()
	})
	h.wg.Go(func() {
		defer c.close()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			<-tick.C
			r := h.ledger.send(s, 1, 0)
			b := record.NewBuilder(record.None, 0)
			b.Append(time.Now().UnixMilli(), r.key(), r.value(200))
			begin := time.Now()
			offset, err := c.produce(h.tp, b.Build(), -1)
			if err != nil {
				t.Errorf("the healthy client: %v", err)
				return
			}
			h.latencies = append(h.latencies, time.Since(begin))
			h.ledger.acknowledge(h.tp, r, 1, offset, 0)
		}
	})
	return h
}

// stop ends the client, checks its records, and returns its latencies, sorted.
func (h *healthy) stop() []time.Duration {
	h.cancel()
	h.wg.Wait()
	c, err := connect(tcp(h.p.addr))
	ok(h.t, err)
	defer c.close()
	v, err := c.view(h.tp)
	ok(h.t, err)
	for _, p := range h.ledger.check(h.tp, v, judgement{at: now}) {
		h.t.Error(p)
	}
	if strings.Contains(h.p.log.String(), "panic") || strings.Contains(h.p.log.String(), "BUG") {
		h.t.Errorf("something panicked:\n%s", tail(h.p.log.String()))
	}
	slices.Sort(h.latencies)
	return h.latencies
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// mutator makes requests that no client would send out of ones that it would.
type mutator struct {
	rnd  *rand.Rand
	apis []protocol.ApiVersionsResponseApiVersion
}

// request is one of some API and version, filled at random.
func (m *mutator) request() []byte {
	a := m.apis[m.rnd.IntN(len(m.apis))]
	key := protocol.Key(a.ApiKey)
	version := a.MinVersion + int16(m.rnd.IntN(int(a.MaxVersion-a.MinVersion)+1))
	if !key.Valid() || version < key.MinVersion() {
		version = key.MinVersion()
	}
	rq := key.NewRequest()
	m.fill(reflect.ValueOf(rq).Elem(), 0)
	return frame(rq, version, int32(m.rnd.Uint32()))
}

// fill gives fields values that are often plausible.
func (m *mutator) fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.String && m.rnd.IntN(3) > 0 {
			s := m.name()
			v.Set(reflect.ValueOf(&s))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				m.fill(f, depth)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(m.records())
			return
		}
		if n := m.rnd.IntN(3); depth < 4 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				m.fill(v.Index(i), depth+1)
			}
		}
	case reflect.String:
		v.SetString(m.name())
	case reflect.Bool:
		v.SetBool(m.rnd.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		values := []int64{0, 1, 2, -1, 3, 100, math.MaxInt8, math.MaxInt16, math.MinInt16, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64}
		v.SetInt(values[m.rnd.IntN(len(values))])
	}
}

func (m *mutator) name() string {
	names := []string{"", "a", "mutant-topic", "../../etc/passwd", "a/b", "\x00", "__consumer_offsets", "cleanup.policy", "1", "0", strings.Repeat("n", 250), "ünïcode", "\xff\xfe"}
	return names[m.rnd.IntN(len(names))]
}

func (m *mutator) records() []byte {
	b := record.NewBuilder(record.Codec(m.rnd.IntN(5)), 0)
	for range 1 + m.rnd.IntN(3) {
		b.Append(time.Now().UnixMilli(), nil, make([]byte, m.rnd.IntN(100)))
	}
	batch := clone(b.Build())
	for range m.rnd.IntN(3) {
		batch[m.rnd.IntN(len(batch))] ^= 1 << m.rnd.IntN(8)
	}
	return batch
}

// mutate spoils a frame. Its length stays true mostly, so that the broker looks behind it.
func (m *mutator) mutate(b []byte) []byte {
	if m.rnd.IntN(8) == 0 {
		return b // odd as it is
	}
	body := clone(b[4:])
	at := func() int { return m.rnd.IntN(len(body)) }
	for range 1 + m.rnd.IntN(3) {
		if len(body) < 8 {
			break
		}
		switch m.rnd.IntN(8) {
		case 0:
			body[at()] ^= 1 << m.rnd.IntN(8)
		case 1: // a length of 4 bytes
			i := m.rnd.IntN(len(body) - 4)
			binary.BigEndian.PutUint32(body[i:], []uint32{0, 1, math.MaxUint32, math.MaxInt32, 1 << 31, uint32(len(body)), 1 << 20}[m.rnd.IntN(7)])
		case 2: // one of 2 bytes
			i := m.rnd.IntN(len(body) - 2)
			binary.BigEndian.PutUint16(body[i:], []uint16{0, 1, math.MaxUint16, math.MaxInt16, 1 << 15, uint16(len(body))}[m.rnd.IntN(6)])
		case 3: // a varint that doesn't end
			i := at()
			for j := i; j < min(len(body), i+6); j++ {
				body[j] |= 0x80
			}
		case 4:
			body = body[:at()]
		case 5:
			body = append(body, make([]byte, m.rnd.IntN(50))...)
		case 6:
			i := at()
			body = slices.Insert(body, i, clone(body[i:min(len(body), i+16)])...)
		case 7:
			i := at()
			body = slices.Delete(body, i, min(len(body), i+1+m.rnd.IntN(8)))
		}
	}
	size := uint32(len(body))
	if m.rnd.IntN(20) == 0 {
		size = []uint32{0, 1, 7, size - 1, size + 1, 101 << 20, math.MaxInt32, 1 << 31, math.MaxUint32}[m.rnd.IntN(9)]
	}
	return append(binary.BigEndian.AppendUint32(nil, size), body...)
}

// attack sends mutants until ctx ends, each on a connection of its own or a few on one, and takes what comes back.
func (m *mutator) attack(ctx context.Context, addr string, sent, answered *atomic.Int64) {
	sink := make([]byte, 64<<10)
	for ctx.Err() == nil {
		nc, err := net.DialTimeout("tcp", addr, callTimeout)
		if err != nil {
			continue // so many at once that the backlog is full
		}
		_ = nc.SetDeadline(time.Now().Add(100 * time.Millisecond)) // a request may ask to wait for long
		for range 1 + m.rnd.IntN(8) {
			if _, err := nc.Write(m.mutate(m.request())); err != nil {
				break // closed, as it may be
			}
			sent.Add(1)
		}
		_ = nc.(*net.TCPConn).CloseWrite()
		for {
			n, err := nc.Read(sink)
			if answered.Add(int64(n)); err != nil {
				break
			}
		}
		nc.Close()
	}
}

// TestMutants sends mutants of every API and version to a broker beside a healthy client (R24, R25).
func TestMutants(t *testing.T) {
	d := 8 * time.Second
	if testing.Short() {
		d = 2 * time.Second
	}
	mutants(t, d, 1)
}

// TestMutantCampaign is TestMutants for long.
func TestMutantCampaign(t *testing.T) {
	if *inputFlag == 0 {
		t.Skip("campaign: -faults.input=5m")
	}
	mutants(t, *inputFlag, *seedFlag)
}

func mutants(t *testing.T, d time.Duration, seed uint64) {
	p := newProcess(t, t.TempDir(), map[string]string{"auto.create.topics.enable": "false"})
	p.start()
	h := startHealthy(t, p)
	c, err := connect(tcp(p.addr))
	ok(t, err)
	var versions protocol.ApiVersionsResponse
	ok(t, c.call(&protocol.ApiVersionsRequest{ClientSoftwareName: "sim", ClientSoftwareVersion: "1"}, 3, &versions))
	c.close()
	ok(t, err)
	before := p.memory()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var sent, answered atomic.Int64
	var wg sync.WaitGroup
	for i := range uint64(4) {
		m := &mutator{rnd: rand.New(rand.NewPCG(seed, 10+i)), apis: versions.ApiKeys}
		wg.Go(func() { m.attack(ctx, p.addr, &sent, &answered) })
	}
	wg.Wait()
	grown := p.memory() - before
	latencies := h.stop()
	if grown > 192<<20 {
		t.Errorf("the broker's memory grew by %d MiB", grown>>20)
	}
	if worst := percentile(latencies, 99); worst > time.Second {
		t.Errorf("the healthy client's p99 was %v", worst)
	}
	if answered.Load() < sent.Load() { // an answer to every tenth, or so
		t.Errorf("%d mutants got %d bytes of answers: they don't get far", sent.Load(), answered.Load())
	}
	t.Logf("%d mutants, %d bytes of answers; healthy client: %d requests, p50 %v, p99 %v; memory grew by %d MiB", sent.Load(), answered.Load(), len(latencies),
		percentile(latencies, 50), percentile(latencies, 99), grown>>20)
}

// TestAbusedConnections opens many connections that misbehave (R27 without SASL) beside a healthy client.
func TestAbusedConnections(t *testing.T) {
	n := 400
	if testing.Short() {
		n = 100
	}
	p := newProcess(t, t.TempDir(), nil)
	p.start()
	h := startHealthy(t, p)
	before := p.memory()
	version := frame(&protocol.ApiVersionsRequest{ClientSoftwareName: "sim", ClientSoftwareVersion: "1"}, 3, 1)
	kinds := []struct {
		name   string
		send   []byte
		closed bool // at once
	}{
		{"slow-loris", version[:9], false},
		{"half a length", []byte{0, 0}, false},
		{"claims 100 MiB", []byte{0x06, 0x40, 0, 0, 0, 3, 0, 12}, false},
		{"claims 2 GiB", []byte{0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 12}, true},
		{"claims less than nothing", []byte{0xff, 0xff, 0xff, 0xff}, true},
		{"speaks HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), true},
		{"opens and says nothing", nil, false},
		{"asks once and stays", version, false},
	}
	var open []net.Conn
	for i := range n {
		k := kinds[i%len(kinds)]
		nc, err := net.DialTimeout("tcp", p.addr, callTimeout)
		ok(t, err)
		open = append(open, nc)
		if len(k.send) > 0 {
			_, err = nc.Write(k.send)
			ok(t, err)
		}
		if k.closed {
			_ = nc.SetReadDeadline(time.Now().Add(callTimeout))
			if _, err := nc.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: not closed: %v", k.name, err)
			}
		}
	}
	grown := p.memory() - before
	latencies := h.stop()
	for _, nc := range open {
		nc.Close()
	}
	if grown > 64<<20 {
		t.Errorf("%d connections took %d MiB", n, grown>>20)
	}
	if worst := percentile(latencies, 99); worst > time.Second {
		t.Errorf("the healthy client's p99 was %v", worst)
	}
	t.Logf("%d connections; healthy client: %d requests, p50 %v, p99 %v; memory grew by %d MiB", n, len(latencies),
		percentile(latencies, 50), percentile(latencies, 99), grown>>20)
}
