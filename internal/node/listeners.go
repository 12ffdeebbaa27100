package node

import (
	"net"
	"os"
	"strconv"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/server"
)

// serverListeners are the addresses to bind.
func serverListeners(listen []config.Endpoint) []server.Listener {
	out := make([]server.Listener, len(listen))
	for i, e := range listen {
		out[i] = server.Listener{Name: e.Name, Addr: e.Addr()}
	}
	return out
}

// advertised are the addresses that clients are told. A port that was left to
// the system is the one that was bound; no host, all interfaces, is this host's
// name, as in Kafka.
func (n *Node) advertised() ([]metadata.Listener, error) {
	out := make([]metadata.Listener, len(n.endpoints.Advertised))
	for i, e := range n.endpoints.Advertised {
		if e.Port == 0 {
			_, port, err := net.SplitHostPort(n.server.Addr(e.Name).String())
			if err != nil {
				return nil, err
			}
			if e.Port, err = strconv.Atoi(port); err != nil {
				return nil, err
			}
		}
		if ip := net.ParseIP(e.Host); e.Host == "" || ip != nil && ip.IsUnspecified() {
			host, err := os.Hostname()
			if err != nil {
				return nil, err
			}
			e.Host = host
		}
		out[i] = metadata.Listener{Name: e.Name, Host: e.Host, Port: int32(e.Port)}
	}
	return out, nil
}
