package brokers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Child is a process that is ended when this one ends, however it does (on Linux).
type Child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read after done
}

// StartChild starts a command.
func StartChild(cmd *exec.Cmd) (*Child, error) {
	endWithParent(cmd)
	c := &Child{cmd: cmd, done: make(chan struct{})}
	// The thread that starts the child must outlive it, or the child is told that its parent ended.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
		}
		close(c.done)
	}()
	return c, <-started
}

// PID is the process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait waits for the end of the process and says how it ended.
func (c *Child) Wait() error {
	<-c.done
	return c.err
}

// Stop asks the process to end and waits for it. One that has not ended after 30 s is killed, and
// that is an error.
func (c *Child) Stop() error {
	if c.ended() {
		return nil
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(30 * time.Second):
		c.Kill()
		return fmt.Errorf("process %d did not stop within 30 s", c.PID())
	}
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (c *Child) Kill() {
	if c.ended() {
		return
	}
	_ = c.cmd.Process.Kill() // fails only when it has ended
	<-c.done
}

// ended says whether there is no process; a nil Child has none.
func (c *Child) ended() bool {
	if c == nil {
		return true
	}
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}
