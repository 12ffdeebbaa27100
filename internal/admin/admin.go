// Package admin is the HTTP endpoint for operators: metrics, health and profiles.
//
// Its main type is Server. The invariant: nothing here changes the broker, and nobody who talks to this port can hold
// more than a bounded number of connections or keep one without progress.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

const (
	// maxConnections bounds the endpoint: monitors and a few people, never clients.
	maxConnections = 128
	// maxHeaderBytes is far above what a browser or a scraper sends.
	maxHeaderBytes = 32 << 10

	readTimeout     = 10 * time.Second
	writeTimeout    = 60 * time.Second // a scrape of a hundred thousand partitions over a slow line; pprof adds its own seconds
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 2 * time.Second
)

// Options is what the endpoint shows.
type Options struct {
	Addr    string                                           // host:port of admin.listener
	Listen  func(network, addr string) (net.Listener, error) // net.Listen, or a test's
	Metrics http.Handler                                     // served at /metrics
	Ready   func() error                                     // nil when the broker serves; the error says what it waits for
	Pprof   bool                                             // serve /debug/pprof
	Log     *slog.Logger
	Mount   map[string]http.Handler // more patterns of http.ServeMux, such as the console's
}

// Server is the bound endpoint.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen binds the address, so that it is known before anything is served.
func Listen(opt Options) (*Server, error) {
	l, err := opt.Listen("tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("admin.listener %s: %w", opt.Addr, err)
	}
	return &Server{
		listener: newLimited(l, maxConnections),
		http: &http.Server{
			Handler:           handler(opt),
			ReadTimeout:       readTimeout,
			ReadHeaderTimeout: readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(opt.Log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// Addr is where the endpoint listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until the context ends, then lets requests that began finish for a short while.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("admin listener: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if s.http.Shutdown(bounded) != nil {
		_ = s.http.Close() // a profile or a stuck reader: the time is up
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin listener: %w", err)
	}
	return nil
}

// Close gives the port back without having served.
func (s *Server) Close() error { return s.listener.Close() }

func handler(opt Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", opt.Metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { ready(w, opt.Ready) })
	if opt.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	for pattern, h := range opt.Mount {
		mux.Handle(pattern, h)
	}
	return mux
}

// ready answers 503 with the reason until the broker serves.
func ready(w http.ResponseWriter, check func() error) {
	if err := check(); err != nil {
		text(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(w, http.StatusOK, "ok")
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body+"\n") // a caller that left needs no answer
}
