package brokers

import (
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel end the broker when the thread that started it ends, so that a
// test that is killed leaves no broker behind.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
