package metrics

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Why a connection ended, or was never begun.
type Close int

// The reasons, in the order of their names below.
const (
	ClosedByPeer     Close = iota // the client closed it, or the network did
	ClosedIdle                    // nothing for connections.max.idle.ms
	ClosedSlow                    // a request that didn't arrive in time
	ClosedStalled                 // a response that wasn't read in time
	ClosedBadFrame                // a size that is negative, too small or above the limit
	ClosedBadRequest              // the handler refused what it read
	ClosedByHandler               // the handler asked for it with its answer
	ClosedPanic                   // a panic of ours
	ClosedShort                   // bytes of a response went away while it was sent
	ClosedShutdown                // this broker stops
	RefusedIP                     // above max.connections.per.ip
	closeReasons
)

var closeNames = [closeReasons]string{
	"peer", "idle", "slow_request", "stalled_response", "bad_frame", "bad_request",
	"handler", "panic", "short_file", "shutdown", "max_connections_per_ip",
}

// String returns the reason as its label and as logs print it.
func (c Close) String() string { return closeNames[c] }

// Server is what connections count, of all listeners together and of each.
type Server struct {
	Panics        Counter      // in handlers
	InFlightBytes atomic.Int64 // request bytes read and not yet let go

	mu        sync.Mutex
	listeners map[string]*Listener
}

// Listener is what one listener's connections count.
type Listener struct {
	Accepted Counter
	Blocked  Counter // times a connection limit stopped it from accepting
	Open     atomic.Int64
	BytesIn  Counter
	BytesOut Counter

	name   string
	closed [closeReasons]Counter
}

// Listener returns the handle of a listener's name.
func (s *Server) Listener(name string) *Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[name]
	if l == nil {
		l = &Listener{name: name}
		s.listeners[name] = l
	}
	return l
}

// Closed counts the end of a connection, or its refusal.
func (l *Listener) Closed(why Close) { l.closed[why].Inc() }

// ClosedCount returns how many ended for a reason.
func (l *Listener) ClosedCount(why Close) uint64 { return l.closed[why].Load() }

var (
	connectionsDesc = desc("jocko_connections", "Open connections.", "listener")
	acceptedDesc    = desc("jocko_connections_accepted_total", "Connections accepted, refused ones included.", "listener")
	closedDesc      = desc("jocko_connections_closed_total", "Connections that ended or were refused, by reason.",
		"listener", "reason")
	blockedDesc  = desc("jocko_accept_blocked_total", "Times a connection limit stopped a listener from accepting.", "listener")
	bytesInDesc  = desc("jocko_network_bytes_in_total", "Bytes read from clients.", "listener")
	bytesOutDesc = desc("jocko_network_bytes_out_total", "Bytes sent to clients.", "listener")
	panicsDesc   = desc("jocko_handler_panics_total", "Panics in request handlers; each ended its connection.")
	inFlightDesc = desc("jocko_request_bytes_in_flight", "Bytes of requests read and not yet let go.")
)

// Describe implements prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		connectionsDesc, acceptedDesc, closedDesc, blockedDesc, bytesInDesc, bytesOutDesc,
		panicsDesc, inFlightDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	count(ch, panicsDesc, s.Panics.Load())
	gauge(ch, inFlightDesc, float64(s.InFlightBytes.Load()))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		gauge(ch, connectionsDesc, float64(l.Open.Load()), l.name)
		count(ch, acceptedDesc, l.Accepted.Load(), l.name)
		count(ch, blockedDesc, l.Blocked.Load(), l.name)
		count(ch, bytesInDesc, l.BytesIn.Load(), l.name)
		count(ch, bytesOutDesc, l.BytesOut.Load(), l.name)
		for why := range l.closed {
			if n := l.closed[why].Load(); n > 0 {
				count(ch, closedDesc, n, l.name, Close(why).String())
			}
		}
	}
}
