package admin

import (
	"net"
	"testing"
)

func TestLimitedListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(inner, 1)
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	dial()
	first := <-accepted
	dial()
	if len(l.slots) != 1 {
		t.Fatalf("%d slots taken, want 1", len(l.slots))
	}
	select {
	case <-accepted:
		t.Fatal("a second connection was accepted above the limit")
	default:
	}
	first.Close()
	first.Close() // gives its slot back once
	second := <-accepted
	defer second.Close()
	l.Close()
	if err := <-ended; err == nil {
		t.Error("Accept on a closed listener returned no error")
	}
	if len(l.slots) != 1 {
		t.Errorf("%d slots taken after close, want the second connection's", len(l.slots))
	}
}
