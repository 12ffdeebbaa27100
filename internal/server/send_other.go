//go:build !linux

package server

import "github.com/travisjeffery/jocko/internal/protocol"

func (c *Conn) sendRanges(ranges []protocol.Range) error { return c.sendCopied(ranges) }
