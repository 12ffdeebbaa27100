package sim

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// proxy stands between clients and one broker, knows where each request and each answer ends, and does to them what
// its mischief says. Clients dial it whatever address the broker gives them (dialOnly), so that nothing is rewritten.
type proxy struct {
	broker   dialer
	listener net.Listener
	mischief *mischief       // nil passes everything on
	tap      func(*exchange) // nil, or called for each request before the broker has it, and for each answer before the client has it
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu    sync.Mutex
	links map[*link]struct{}
	gate  chan struct{} // closed while frames pass, open while the proxy is paused
}

// exchange is a request with its answer.
type exchange struct {
	key             protocol.Key
	version         int16
	request, answer []byte // frames without their lengths; answer is nil while there is none
	step            *step  // what a tap makes of the request
}

func newProxy(t *testing.T, broker dialer, m *mischief, tap func(*exchange)) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	p := &proxy{broker: broker, listener: l, mischief: m, tap: tap, links: map[*link]struct{}{}, gate: make(chan struct{})}
	close(p.gate)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// close cuts all connections, takes no more, and waits until nothing runs.
func (p *proxy) close() {
	p.cancel()
	p.listener.Close()
	p.cut()
	p.wg.Wait()
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// pause holds all frames in both directions back until resume.
func (p *proxy) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = make(chan struct{})
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.gate)
}

// pass waits while the proxy is paused. False: the proxy or the link is closed.
func (p *proxy) pass(l *link) bool {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-l.done:
	case <-p.ctx.Done():
	}
	return false
}

func (p *proxy) accept() {
	for {
		nc, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(nc) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	l := &link{p: p, client: client, done: make(chan struct{})}
	if !p.pass(l) {
		return
	}
	// A client that is refused at once takes the broker for one that speaks TLS, and gives up: a cut is a reset, and while
	// the broker is down a connection waits.
	_ = client.(*net.TCPConn).SetLinger(0)
	for {
		broker, err := p.broker()
		if err == nil {
			l.broker = broker
			break
		}
		if !p.sleep(50 * time.Millisecond) {
			return
		}
	}
	p.mu.Lock()
	p.links[l] = struct{}{}
	p.mu.Unlock()
	if p.ctx.Err() == nil {
		l.run()
	}
	l.close()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// sleep waits. False: the proxy is closed.
func (p *proxy) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// link is one connection of a client, and the proxy's to the broker for it.
type link struct {
	p              *proxy
	client, broker net.Conn
	done           chan struct{}
	once           sync.Once

	mu      sync.Mutex
	asked   []*flight // by the client, in its order, unanswered to it
	flights []*flight // on the way to the broker and back, in the order they were sent
}

// flight is a request under way.
type flight struct {
	exchange
	repeat bool // the second of two: its answer is nobody's
	cut    bool // the connection ends instead of the answer
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.done)
		l.client.Close()
		if l.broker != nil {
			l.broker.Close()
		}
	})
}

// run carries frames until one side is gone.
func (l *link) run() {
	frames := make(chan *flight)
	var wg sync.WaitGroup
	wg.Go(func() { defer l.close(); defer close(frames); l.read(frames) })
	wg.Go(func() { defer l.close(); l.answer() })
	l.forward(frames)
	l.close()
	for range frames { // until read has seen that it is over
	}
	wg.Wait()
}

// read takes the client's requests.
func (l *link) read(frames chan<- *flight) {
	for {
		b, err := readFrame(l.client)
		if err != nil || len(b) < 8 {
			return
		}
		f := &flight{exchange: exchange{key: protocol.Key(binary.BigEndian.Uint16(b)), version: int16(binary.BigEndian.Uint16(b[2:])), request: b}}
		select {
		case frames <- f:
		case <-l.done:
			return
		}
	}
}

// forward sends requests to the broker, each as its fate says.
func (l *link) forward(frames <-chan *flight) {
	for f := range frames {
		l.ask(f)
		fate := l.p.mischief.fate(f.key)
		var ok bool
		switch fate.kind {
		case overtaken:
			ok = l.overtake(f, frames, fate.after)
		case delayed:
			ok = l.wait(fate.after) && l.send(f)
		case twice:
			again := *f
			again.repeat = true
			ok = l.send(f) && l.send(&again)
		case late:
			l.p.wg.Go(func() { l.p.again(f.request, fate.after) })
			ok = l.send(f)
		case unsent:
			ok = false
		case unanswered:
			f.cut = true
			ok = l.send(f)
		default:
			ok = l.send(f)
		}
		if !ok {
			return
		}
	}
}

// overtake lets the client's next request go first, if one comes within d.
func (l *link) overtake(f *flight, frames <-chan *flight, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case next, open := <-frames:
		if !open {
			return false
		}
		l.ask(next)
		return l.send(next) && l.send(f)
	case <-timer.C:
		return l.send(f)
	case <-l.done:
		return false
	}
}

func (l *link) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}

func (l *link) ask(f *flight) {
	l.mu.Lock()
	l.asked = append(l.asked, f)
	l.mu.Unlock()
}

func (l *link) send(f *flight) bool {
	if !l.p.pass(l) {
		return false
	}
	if l.p.tap != nil && !f.repeat {
		l.p.tap(&f.exchange)
	}
	l.mu.Lock()
	l.flights = append(l.flights, f)
	l.mu.Unlock()
	return writeFrame(l.broker, f.request) == nil
}

// answer takes the broker's answers and gives the client those it waits for, in the order in which it asked.
func (l *link) answer() {
	for {
		b, err := readFrame(l.broker)
		if err != nil || !l.p.pass(l) {
			return
		}
		f := l.landed()
		if f == nil || f.cut {
			return
		}
		if f.repeat {
			continue
		}
		f.answer = b
		if l.p.tap != nil {
			l.p.tap(&f.exchange)
		}
		if !l.deliver() {
			return
		}
	}
}

func (l *link) landed() *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.flights) == 0 {
		return nil
	}
	f := l.flights[0]
	l.flights = l.flights[1:]
	return f
}

// deliver writes the answers that are next in the client's order.
func (l *link) deliver() bool {
	for {
		l.mu.Lock()
		var b []byte
		if len(l.asked) > 0 && l.asked[0].answer != nil {
			b, l.asked = l.asked[0].answer, l.asked[1:]
		}
		l.mu.Unlock()
		if b == nil {
			return true
		}
		if writeFrame(l.client, b) != nil {
			return false
		}
	}
}

// again sends a request once more, on a connection of its own, as one does that was stuck in the network.
func (p *proxy) again(request []byte, after time.Duration) {
	if !p.sleep(after) {
		return
	}
	nc, err := p.broker()
	if err != nil {
		return
	}
	defer nc.Close()
	stop := context.AfterFunc(p.ctx, func() { nc.Close() })
	defer stop()
	_ = nc.SetDeadline(time.Now().Add(callTimeout))
	if writeFrame(nc, request) == nil {
		_, _ = readFrame(nc) // nobody wants to know
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

func writeFrame(w io.Writer, b []byte) error {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(b)))
	buffers := net.Buffers{size[:], b}
	_, err := buffers.WriteTo(w)
	return err
}
