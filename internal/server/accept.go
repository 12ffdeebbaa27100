package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/travisjeffery/jocko/internal/metrics"
)

// accept takes connections of one listener until the context ends. As in Kafka, at max.connections it takes no more
// until one ends, and above max.connections.per.ip it closes the new one.
func (s *Server) accept(ctx context.Context, l *listener) error {
	var retry backoff
	for {
		nc, err := l.net.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = nc.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("listener %s: %w", l.Name, err)
		case err != nil: // descriptors or memory ran out: others will give some back
			s.opt.Log.Error("cannot accept connections", "listener", l.Name, "err", err, "retry", retry.next())
			retry.wait(ctx)
			continue
		}
		retry = 0
		l.stats.Accepted.Inc()
		if !s.admit(ctx, l, nc) {
			_ = nc.Close()
			continue
		}
		s.setBuffers(nc)
		go s.serveAccepted(l, nc)
	}
}

// serveAccepted serves a connection and gives its place back.
func (s *Server) serveAccepted(l *listener, nc net.Conn) {
	ip := addrOf(nc)
	if c, err := s.add(l, nc); err == nil {
		c.serve()
	} else {
		_ = nc.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.open--
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
	s.signalLocked()
}

// admit takes a place for a connection: it waits for one among all, and refuses when its address has enough.
func (s *Server) admit(ctx context.Context, l *listener, nc net.Conn) bool {
	ip := addrOf(nc)
	blocked := false
	for {
		s.mu.Lock()
		if s.perIP[ip] >= s.maxPerIP(ip) {
			s.mu.Unlock()
			l.stats.Closed(metrics.RefusedIP)
			s.opt.Log.Debug("too many connections from one address", "listener", l.Name, "addr", ip)
			return false
		}
		if !s.fullLocked(l) {
			l.open++
			s.perIP[ip]++
			s.mu.Unlock()
			return true
		}
		changed := s.changed
		s.mu.Unlock()
		if !blocked {
			blocked = true
			l.stats.Blocked.Inc()
			s.opt.Log.Warn("connection limit reached, accepting no more until one ends", "listener", l.Name)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (s *Server) fullLocked(l *listener) bool {
	total := 0
	for _, other := range s.listeners {
		total += other.open
	}
	return s.limits.MaxConnections > 0 && total >= s.limits.MaxConnections ||
		l.MaxConnections > 0 && l.open >= l.MaxConnections
}

const unlimited = int(^uint(0) >> 1)

// SetConnectionLimits changes max.connections and max.connections.per.ip; 0 is no limit. Connections above a lower limit
// stay: it holds for new ones.
func (s *Server) SetConnectionLimits(total, perIP int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.MaxConnections, s.limits.MaxConnectionsPerIP = total, perIP
	s.signalLocked()
}

func (s *Server) maxPerIP(ip netip.Addr) int {
	if n, ok := s.limits.PerIP[ip]; ok {
		return n
	}
	if s.limits.MaxConnectionsPerIP > 0 {
		return s.limits.MaxConnectionsPerIP
	}
	return unlimited
}

// addrOf is the peer's address without its port; of a connection that has none, the zero Addr.
func addrOf(nc net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// setBuffers sizes the socket's buffers if asked to. TCP_NODELAY and keep-alive are package net's defaults.
func (s *Server) setBuffers(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if s.opt.SendBuffer > 0 {
		_ = tcp.SetWriteBuffer(s.opt.SendBuffer) // a peer that left already shows at the first read
	}
	if s.opt.ReceiveBuffer > 0 {
		_ = tcp.SetReadBuffer(s.opt.ReceiveBuffer)
	}
}

// backoff is the pause after a failed Accept: it doubles from 5 ms to a second.
type backoff time.Duration

func (b *backoff) next() time.Duration {
	*b = min(max(*b*2, backoff(5*time.Millisecond)), backoff(time.Second))
	return time.Duration(*b)
}

func (b *backoff) wait(ctx context.Context) {
	t := time.NewTimer(time.Duration(*b))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
