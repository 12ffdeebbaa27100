package node

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/travisjeffery/jocko/internal/controller"
	"github.com/travisjeffery/jocko/internal/metadata"
)

// levels are Kafka's names for levels. TRACE and FATAL have no level of their
// own here: they are the nearest.
var levels = map[string]slog.Level{
	"TRACE": slog.LevelDebug, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": slog.LevelError,
}

// logLevel is the level of the broker's log in Kafka's words.
func (n *Node) logLevel() string { return n.env.Level.Level().String() }

// setLogLevel follows the config of this broker's root logger (KIP-412).
func (n *Node) setLogLevel(img *metadata.Image) {
	own := img.Config(metadata.Resource{Type: metadata.BrokerLoggerResource, Name: fmt.Sprint(n.self)})
	level, ok := levels[strings.ToUpper(own[controller.RootLogger])]
	if !ok {
		level = slog.LevelInfo
	}
	if n.env.Level.Level() != level {
		n.env.Level.Set(level)
	}
}
