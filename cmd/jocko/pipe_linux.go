package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// widePipe is the largest pipe an ordinary user may ask for, and 16 times the usual one.
const widePipe = 1 << 20

// widen makes a pipe hold more, so that its two ends take turns less often. It is no matter if that isn't allowed, or if
// the stream is something else.
func widen(stream any) {
	if f, ok := stream.(*os.File); ok {
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, widePipe)
	}
}
