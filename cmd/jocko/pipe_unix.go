//go:build !windows

package main

import (
	"errors"
	"syscall"
)

// isClosedPipe tells that the reader of our output went away: it has seen enough, which is no failure.
func isClosedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
