package raft

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// logger writes what the Raft libraries have to say to an slog.Logger. Their levels are lowered by one: what they call
// information is of interest to who debugs Raft, and the node tells itself who leads.
type logger struct {
	to      *slog.Logger
	name    string
	implied []any
}

func newLogger(to *slog.Logger) hclog.Logger { return &logger{to: to} }

// usual are warnings about what happens at every start of a lone voter.
var usual = map[string]bool{
	"heartbeat timeout reached, starting election": true,
	"skipping application of old log":              true,
	"no known peers, aborting election":            true,
}

func slogLevel(level hclog.Level) slog.Level {
	switch {
	case level >= hclog.Error:
		return slog.LevelError
	case level == hclog.Warn:
		return slog.LevelWarn
	case level == hclog.Info:
		return slog.LevelDebug
	}
	return slog.LevelDebug - 4
}

func (l *logger) Log(level hclog.Level, msg string, args ...any) {
	at := slogLevel(level)
	if at == slog.LevelWarn && usual[msg] {
		at = slog.LevelDebug
	}
	if !l.to.Enabled(context.Background(), at) {
		return
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	l.to.Log(context.Background(), at, "raft: "+msg, args...)
}

func (l *logger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *logger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *logger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *logger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *logger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *logger) enabled(level hclog.Level) bool {
	return l.to.Enabled(context.Background(), slogLevel(level))
}

func (l *logger) IsTrace() bool { return l.enabled(hclog.Trace) }
func (l *logger) IsDebug() bool { return l.enabled(hclog.Debug) }
func (l *logger) IsInfo() bool  { return l.enabled(hclog.Info) }
func (l *logger) IsWarn() bool  { return l.enabled(hclog.Warn) }
func (l *logger) IsError() bool { return l.enabled(hclog.Error) }

func (l *logger) ImpliedArgs() []any { return l.implied }
func (l *logger) Name() string       { return l.name }

func (l *logger) With(args ...any) hclog.Logger {
	return &logger{to: l.to.With(args...), name: l.name, implied: append(l.implied[:len(l.implied):len(l.implied)], args...)}
}

func (l *logger) Named(name string) hclog.Logger { return l.ResetNamed(l.name + name) }

func (l *logger) ResetNamed(name string) hclog.Logger {
	return &logger{to: l.to, name: name, implied: l.implied}
}

// SetLevel does nothing: the level is that of the slog.Logger.
func (l *logger) SetLevel(hclog.Level)  {}
func (l *logger) GetLevel() hclog.Level { return hclog.NoLevel }

func (l *logger) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l *logger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return lineWriter{l} }

type lineWriter struct{ l *logger }

func (w lineWriter) Write(b []byte) (int, error) {
	w.l.Info(string(b))
	return len(b), nil
}
