package admin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/travisjeffery/jocko/internal/admin"
)

// start serves opt on a free port until the test ends and returns the base URL.
func start(t *testing.T, opt admin.Options) string {
	t.Helper()
	opt.Addr, opt.Listen, opt.Log = "127.0.0.1:0", net.Listen, slog.New(slog.DiscardHandler)
	if opt.Metrics == nil {
		opt.Metrics = http.NotFoundHandler()
	}
	s, err := admin.Listen(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	rsp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rsp.StatusCode, string(body)
}

func TestEndpoints(t *testing.T) {
	var notReady atomic.Bool
	notReady.Store(true)
	url := start(t, admin.Options{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a_metric 1\n") }),
		Ready: func() error {
			if notReady.Load() {
				return errors.New("waiting for the controller")
			}
			return nil
		},
		Mount: map[string]http.Handler{"/console/": http.NotFoundHandler()},
	})
	check := func(path string, code int, body string) {
		t.Helper()
		gotCode, gotBody := get(t, url+path)
		if gotCode != code || !strings.Contains(gotBody, body) {
			t.Errorf("%s: %d %q, want %d %q", path, gotCode, gotBody, code, body)
		}
	}
	check("/metrics", 200, "a_metric 1")
	check("/healthz", 200, "ok")
	check("/readyz", 503, "waiting for the controller")
	notReady.Store(false)
	check("/readyz", 200, "ok")
	check("/debug/pprof/", 404, "")
	check("/nothing", 404, "")
	check("/console/x", 404, "")

	rsp, err := http.Post(url+"/healthz", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	rsp.Body.Close()
	if rsp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST answered %d", rsp.StatusCode)
	}
}

func TestPprofWhenEnabled(t *testing.T) {
	url := start(t, admin.Options{Pprof: true})
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline"} {
		if code, body := get(t, url+path); code != 200 || body == "" {
			t.Errorf("%s: %d", path, code)
		}
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = admin.Listen(admin.Options{Addr: l.Addr().String(), Listen: net.Listen, Log: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler()})
	if err == nil || !strings.Contains(err.Error(), "admin.listener") {
		t.Errorf("error %v doesn't name the key", err)
	}
}

// A listener that fails ends Run with an error; one that was never run gives its port back.
func TestListenerEnds(t *testing.T) {
	opt := admin.Options{Addr: "127.0.0.1:0", Listen: net.Listen, Log: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler()}
	s, err := admin.Listen(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run on a closed listener returned %v", err)
	}
}
