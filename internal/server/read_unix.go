//go:build unix

package server

import (
	"io"
	"syscall"
)

// read reads once the socket is readable, and takes a buffer only then.
func (in *input) read() (int, error) {
	if in.c.raw == nil {
		return in.readConn()
	}
	in.n, in.err = 0, nil
	if err := in.c.raw.Read(in.readable); err != nil {
		return 0, err
	}
	if in.n == 0 && in.err == nil {
		return 0, io.EOF
	}
	return in.n, in.err
}

// onReadable reads without blocking; false asks to be called again when there is something.
func (in *input) onReadable(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), in.buffer())
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			in.beforeWait()
			return false
		}
		in.n, in.err = max(n, 0), err
		return true
	}
}
