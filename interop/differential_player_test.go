//go:build differential

package interop

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// player plays one scene against one broker and records what it asked and what it was told.
type player struct {
	s         *side
	apis      map[int16][2]int16
	rnd       *rand.Rand
	name      string // begins the name of every group and transactional id of the scene
	round     int
	ledger    string // the topic of this round
	partition int32  // the partition of ledger that is this scene's alone
	conn      *wire.Conn
	carried   *carried
	steps     []step
}

// step is one request and what came of it.
type step struct {
	req  kmsg.Request
	got  outcome
	took time.Duration
}

// String returns the outcome with the error codes and ids in it, in one line.
func (s step) String() string {
	var facts []string
	for path, v := range s.got.tree {
		if !strings.HasSuffix(path, ".len") || v != "0" {
			facts = append(facts, path+"="+v)
		}
	}
	slices.Sort(facts)
	return fmt.Sprintf("%s after %d ms %.700s", s.got.what, s.took.Milliseconds(), strings.Join(facts, " "))
}

// answerTimeout bounds the wait for any answer; no time-out of a scene is longer.
const answerTimeout = 10 * time.Second

// timeoutOf bounds the wait for the answer of a request. Kafka never answers some requests between
// brokers that have nothing in them.
func timeoutOf(req kmsg.Request) time.Duration {
	switch req := req.(type) {
	case *kmsg.AddPartitionsToTxnRequest:
		if req.Version >= 4 && len(req.Transactions) == 0 {
			return 2 * time.Second
		}
	case *kmsg.WriteTxnMarkersRequest:
		return 2 * time.Second
	}
	return answerTimeout
}

// transientFor bounds how long an answer that only says "not yet" is asked for again.
const transientFor = 3 * time.Second

// transient are the codes of answers that say "not yet": COORDINATOR_LOAD_IN_PROGRESS,
// COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR and CONCURRENT_TRANSACTIONS, which Produce calls
// NOT_ENOUGH_REPLICAS before version 12.
var transient = []int16{14, 15, 16, 51, 19}

func checksum(s string) uint32 { return crc32.ChecksumIEEE([]byte(s)) }

func (p *player) close() {
	if p.conn != nil {
		p.conn.Close()
	}
}

// at sets a request to a random version between low and high, as far as they are served.
func at[R kmsg.Request](p *player, req R, low, high int16) R {
	served, ok := p.apis[req.Key()]
	if !ok {
		served[1] = req.MaxVersion()
	}
	low = min(max(low, served[0]), served[1])
	high = max(min(high, served[1]), low)
	req.SetVersion(low + int16(p.rnd.IntN(int(high-low)+1)))
	return req
}

// anyVersion sets a request to any version that is served.
func anyVersion[R kmsg.Request](p *player, req R) R { return at(p, req, 0, 1000) }

// ask sends a request and returns the answer; an empty one when there is none.
func ask[A kmsg.Response](p *player, req kmsg.Request) A {
	began := time.Now()
	resp, what := p.try(req)
	for transientIn(resp) && time.Since(began) < transientFor {
		pause(5 * time.Millisecond)
		resp, what = p.try(req)
	}
	return p.record(req, resp, what, time.Since(began)).(A)
}

// tell sends a request whose answer is only compared.
func (p *player) tell(req kmsg.Request) { _ = ask[kmsg.Response](p, req) }

// until asks again until the answer is as it should be, for at most transientFor; the last answer is
// the one that counts. It is for what a broker does some time after it has answered.
func until[A kmsg.Response](p *player, req kmsg.Request, ready func(A) bool) A {
	began := time.Now()
	for {
		resp, what := p.try(req)
		good := what == "answer" && !transientIn(resp) && ready(resp.(A))
		if good || time.Since(began) > transientFor || p.conn == nil {
			return p.record(req, resp, what, time.Since(began)).(A)
		}
		pause(10 * time.Millisecond)
	}
}

// pause lets a broker go on with what it does by itself.
func pause(d time.Duration) { <-time.After(d) }

func (p *player) try(req kmsg.Request) (kmsg.Response, string) {
	if p.conn == nil {
		c, err := wire.Dial(p.s.broker.Addr)
		if err != nil {
			return nil, "no connection: " + err.Error()
		}
		p.conn = c
	}
	p.conn.Timeout = timeoutOf(req)
	if err := p.conn.Send(req); err != nil {
		p.drop()
		return nil, "closed"
	}
	resp, what := receive(p.conn, req)
	if what != "answer" {
		p.drop()
	}
	return resp, what
}

func (p *player) drop() {
	p.conn.Close()
	p.conn = nil
}

func receive(c *wire.Conn, req kmsg.Request) (kmsg.Response, string) {
	frame, err := c.ReceiveFrame()
	if err != nil {
		return nil, ended(err)
	}
	resp, err := wire.Decode(req, frame)
	if err != nil {
		return nil, "an answer that can't be read: " + err.Error()
	}
	return resp, "answer"
}

// pending is a request on a connection of its own that is not answered yet.
type pending struct {
	p     *player
	conn  *wire.Conn
	req   kmsg.Request
	began time.Time
}

// begin sends a request whose answer waits for something else.
func (p *player) begin(req kmsg.Request) *pending {
	w := &pending{p: p, req: req, began: time.Now()}
	c, err := wire.Dial(p.s.broker.Addr)
	if err != nil {
		return w
	}
	c.Timeout = timeoutOf(req)
	if err := c.Send(req); err != nil {
		c.Close()
		return w
	}
	w.conn = c
	return w
}

// end waits for the answer of a request that was begun.
func end[A kmsg.Response](w *pending) A {
	if w.conn == nil {
		return w.p.record(w.req, nil, "no connection", 0).(A)
	}
	defer w.conn.Close()
	resp, what := receive(w.conn, w.req)
	return w.p.record(w.req, resp, what, time.Since(w.began)).(A)
}

// record notes a step, and returns the answer or an empty one in its place.
func (p *player) record(req kmsg.Request, resp kmsg.Response, what string, took time.Duration) kmsg.Response {
	got := outcome{what: what}
	if resp != nil {
		p.keepOwn(resp)
		p.carried.learn(resp)
		got.tree = flattenCarried(p.s, p.carried, resp)
	} else {
		resp = req.ResponseKind()
	}
	p.steps = append(p.steps, step{req: req, got: got, took: took})
	return resp
}

// keepOwn takes what other scenes have made out of listings.
func (p *player) keepOwn(resp kmsg.Response) {
	switch resp := resp.(type) {
	case *kmsg.ListGroupsResponse:
		resp.Groups = slices.DeleteFunc(resp.Groups, func(g kmsg.ListGroupsResponseGroup) bool { return !p.owns(g.Group) })
	case *kmsg.ListTransactionsResponse:
		resp.TransactionStates = slices.DeleteFunc(resp.TransactionStates,
			func(s kmsg.ListTransactionsResponseTransactionState) bool { return !p.owns(s.TransactionalID) })
	}
}

func (p *player) owns(name string) bool { return strings.HasPrefix(name, p.name+"-") }

// own returns a name that is this scene's alone.
func (p *player) own(name string) string { return p.name + "-" + name }

// transientIn says whether an error code anywhere in an answer is a transient one, or a transaction is
// between its end and its markers.
func transientIn(resp kmsg.Response) bool {
	switch resp := resp.(type) {
	case nil:
		return false
	case *kmsg.DescribeTransactionsResponse:
		for _, s := range resp.TransactionStates {
			if strings.HasPrefix(s.State, "Prepare") {
				return true
			}
		}
	case *kmsg.ListTransactionsResponse:
		for _, s := range resp.TransactionStates {
			if strings.HasPrefix(s.TransactionState, "Prepare") {
				return true
			}
		}
	}
	return codeIn(reflect.ValueOf(resp).Elem())
}

func codeIn(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "ErrorCode" && slices.Contains(transient, int16(v.Field(i).Int())) {
				return true
			}
			if name != "UnknownTags" && codeIn(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			return false
		}
		for i := range v.Len() {
			if codeIn(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

func oneOf[T any](p *player, from ...T) T { return from[p.rnd.IntN(len(from))] }
