//go:build !linux

package brokers

import "os/exec"

// endWithParent does nothing where the kernel has no such signal.
func endWithParent(*exec.Cmd) {}
