// Package wire speaks the Kafka protocol over one plain TCP connection, without a client's retries,
// caches or version negotiation: what is sent is what the caller asked for. Messages are kmsg's.
//
// Its main type is Conn. The invariant: responses are read in the order of the requests, and a
// correlation id that doesn't fit is an error.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxFrame bounds a response frame in bytes.
const maxFrame = 256 << 20

// Conn is a connection to a broker. It is not safe for concurrent use, but one goroutine may send
// while another receives.
type Conn struct {
	net.Conn

	Timeout time.Duration // of one send or receive; 0 means 30 s

	formatter *kmsg.RequestFormatter
	sent      int32 // correlation id of the next request
	received  int32 // correlation id of the next response
	out, in   []byte
	buffered  *bufio.Reader // of Conn: a small response costs one system call
}

// Dial opens a connection to a broker.
func Dial(addr string) (*Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: nc, formatter: kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")), buffered: bufio.NewReader(nc)}, nil
}

// Frame returns the request as bytes on the wire, size first, with the correlation id given.
func Frame(req kmsg.Request, correlationID int32) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, req, correlationID)
}

// SetCorrelationID patches the correlation id of a frame made by Frame.
func SetCorrelationID(frame []byte, id int32) { binary.BigEndian.PutUint32(frame[8:], uint32(id)) }

// Send sends the request at the version it is set to.
func (c *Conn) Send(req kmsg.Request) error {
	c.out = c.formatter.AppendRequest(c.out[:0], req, c.sent)
	c.sent++
	return c.write(c.out)
}

// SendFrame sends a frame made by Frame, with the connection's next correlation id patched in.
func (c *Conn) SendFrame(frame []byte) error {
	SetCorrelationID(frame, c.sent)
	c.sent++
	return c.write(frame)
}

// SendBytes sends bytes as they are; they count as one request.
func (c *Conn) SendBytes(p []byte) error {
	c.sent++
	return c.write(p)
}

func (c *Conn) write(p []byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout())); err != nil {
		return err
	}
	_, err := c.Write(p)
	return err
}

func (c *Conn) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 30 * time.Second
}

// ReceiveFrame reads one response without its size: correlation id, header and body. The bytes are
// valid until the next receive.
func (c *Conn) ReceiveFrame() ([]byte, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout())); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(c.buffered, size[:]); err != nil {
		return nil, err
	}
	n := int(int32(binary.BigEndian.Uint32(size[:])))
	if n < 4 || n > maxFrame {
		return nil, fmt.Errorf("a response of %d bytes", n)
	}
	if cap(c.in) < n {
		c.in = make([]byte, n+n/4)
	}
	c.in = c.in[:n]
	if _, err := io.ReadFull(c.buffered, c.in); err != nil {
		return nil, fmt.Errorf("within a response of %d bytes: %w", n, err)
	}
	want := c.received
	c.received++
	if id := int32(binary.BigEndian.Uint32(c.in)); id != want {
		return c.in, fmt.Errorf("a response with correlation id %d, want %d", id, want)
	}
	return c.in, nil
}

// Receive reads the response of req. Byte fields of the response alias the connection's buffer and
// are valid until the next receive.
func (c *Conn) Receive(req kmsg.Request) (kmsg.Response, error) {
	frame, err := c.ReceiveFrame()
	if err != nil {
		return nil, err
	}
	return Decode(req, frame)
}

// Decode reads the response of req from a frame as ReceiveFrame returns it.
func Decode(req kmsg.Request, frame []byte) (kmsg.Response, error) {
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	body := frame[4:]
	if resp.IsFlexible() && req.Key() != int16(kmsg.ApiVersions) {
		if len(body) == 0 || body[0] != 0 {
			return nil, errors.New("tags in a response header")
		}
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("read %s v%d response of %d bytes: %w",
			kmsg.NameForKey(req.Key()), req.GetVersion(), len(body), err)
	}
	return resp, nil
}

// Do sends the request and reads its response.
func (c *Conn) Do(req kmsg.Request) (kmsg.Response, error) {
	if err := c.Send(req); err != nil {
		return nil, err
	}
	return c.Receive(req)
}
