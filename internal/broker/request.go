package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/poison"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

// A Request is one request on its way through the broker. It sees one metadata
// image from beginning to end.
type Request struct {
	Header protocol.RequestHeader
	Conn   *server.Conn
	// Frame holds the request's bytes, which decoded byte fields alias. The
	// connection drops its reference when Start returns: what lives longer
	// retains it.
	Frame   *protocol.Frame
	Image   *metadata.Image
	Started time.Time

	decoder protocol.Decoder
}

// Version is the API version the client chose.
func (rq *Request) Version() int16 { return rq.Header.Version }

// ClientID is the client's name for itself, "" when it gave none.
func (rq *Request) ClientID() string {
	if rq.Header.ClientID == nil {
		return ""
	}
	return *rq.Header.ClientID
}

// client is who asks, as coordinators remember it.
func (rq *Request) client() group.Client {
	return group.Client{ID: rq.ClientID(), Host: javaAddress(rq.Conn.RemoteAddr()), Version: rq.Version()}
}

// decode reads the body into m ; like Kafka, it doesn't mind bytes behind it.
func (rq *Request) decode(m protocol.Message) error {
	if err := m.Decode(&rq.decoder, rq.Header.Version); err != nil {
		return fmt.Errorf("%v v%d: %w", rq.Header.Key, rq.Header.Version, err)
	}
	return nil
}

// errUnservable ends the connection without a word, as Kafka does for a request
// it can't read or a version it doesn't serve.
var errUnservable = errors.New("request of an unknown API or an unsupported version")

// Start reads the header of one request, finds its API and begins it.
// It implements server.Handler.
func (b *Broker) Start(c *server.Conn, f *protocol.Frame) (server.Finish, error) {
	rq := requests.Get()
	rq.Conn, rq.Frame, rq.Started = c, f, time.Now()
	rq.decoder.Reset(f.Bytes())
	if err := rq.Header.Decode(&rq.decoder); err != nil {
		return nil, err
	}
	a := b.lookup(rq.Header.Key)
	if a == nil {
		return nil, fmt.Errorf("%w: key %d", errUnservable, rq.Header.Key)
	}
	if v := rq.Header.Version; v < a.served || v > a.max {
		if rq.Header.Key != protocol.ApiVersions {
			return nil, fmt.Errorf("%w: %v v%d", errUnservable, rq.Header.Key, v)
		}
		rq.Header.Version = 0 // KIP-511: the answer is in the oldest form, and says which versions there are
		return b.respond(rq, unsupportedAPIVersions(b)), nil
	}
	rq.Image = b.image()
	if a.overlapping != nil {
		return a.overlapping(b, rq)
	}
	if err := c.WaitIdle(c.Context()); err != nil {
		return nil, err
	}
	m, err := a.handle(c.Context(), b, rq)
	if err != nil {
		return nil, err
	}
	c.NoWait()
	return b.respond(rq, m), nil
}

// respond returns the Finish of a request whose response is already known.
func (b *Broker) respond(rq *Request, m protocol.Message) server.Finish {
	return func(_ context.Context, out *protocol.Encoder) server.After {
		countErrors(b.byKey[rq.Header.Key].metrics, m)
		b.write(rq, m, out)
		return server.After{}
	}
}

// write encodes a response, counts the request and ends it.
func (b *Broker) write(rq *Request, m protocol.Message, out *protocol.Encoder) {
	protocol.EncodeResponseHeader(out, rq.Header.Key, rq.Header.Version, rq.Header.CorrelationID)
	m.Encode(out, rq.Header.Version)
	b.end(rq)
}

// end counts a request that is answered, or that has no answer. The Request is
// somebody else's then.
func (b *Broker) end(rq *Request) {
	b.byKey[rq.Header.Key].metrics.Observe(time.Since(rq.Started))
	rq.Conn, rq.Frame, rq.Image = nil, nil, nil
	requests.Put(rq)
}

// requests are reused, with the memory of their headers.
var requests = poison.NewPool(nil, func(rq *Request) {
	poison.Fields(&rq.Header)
	rq.decoder.Reset(nil)
})
