package node

import (
	"net"
	"net/url"
	"os"
	"strconv"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/server"
)

type listenerTMP struct{ Name, Addr string }

func parseListeners(cfg config.Lookup) ([]listenerTMP, error) {
	var out []listenerTMP
	for _, l := range config.Listeners.In(cfg) {
		u, err := url.Parse(l)
		if err != nil {
			return nil, err
		}
		out = append(out, listenerTMP{u.Scheme, u.Host})
	}
	return out, nil
}

func serverListeners(ls []listenerTMP) []server.Listener {
	var out []server.Listener
	for _, l := range ls {
		out = append(out, server.Listener{Name: l.Name, Addr: l.Addr})
	}
	return out
}

func (n *Node) advertised() ([]metadata.Listener, error) {
	var out []metadata.Listener
	for _, l := range n.listeners {
		host, port, err := net.SplitHostPort(n.server.Addr(l.Name).String())
		if err != nil {
			return nil, err
		}
		p, _ := strconv.Atoi(port)
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			host, _ = os.Hostname()
		}
		out = append(out, metadata.Listener{Name: l.Name, Host: host, Port: int32(p)})
	}
	return out, nil
}
