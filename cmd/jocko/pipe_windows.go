package main

import (
	"errors"
	"syscall"
)

// Windows says that a pipe's reader went away in two ways.
const (
	errorBrokenPipe = syscall.Errno(109)
	errorNoData     = syscall.Errno(232)
)

// isClosedPipe tells that the reader of our output went away: it has seen enough, which is no failure.
func isClosedPipe(err error) bool {
	return errors.Is(err, errorBrokenPipe) || errors.Is(err, errorNoData)
}
