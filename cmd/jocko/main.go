// Command jocko is a Kafka broker and the tools around it in one binary.
//
// Every subcommand is a file of its own, with a constructor listed in newRoot. The tools speak the Kafka protocol to
// --bootstrap and nothing else, so they work against any Kafka. A command takes its streams from cobra (InOrStdin,
// OutOrStdout, ErrOrStderr) and its lifetime from the context; results go to the output stream, everything said to a
// person goes to the error stream. The exit code is 0 when all of it worked, 1 when something failed, 2 when the
// command line itself is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes of every command.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	// exitHangUp is what a shell gives to a process that SIGHUP ended; Kafka's broker ends with it too, in order.
	exitHangUp = 128 + 1
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code. The first interrupt, or the end of the terminal, cancels the
// command's context, which ends it cleanly; the second one kills the process.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	// A reader that went away (jocko consume | head) is an EPIPE from Write, not a signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, hungUp, stop := interrupts()
	defer stop()

	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	code := report(errOut, cmd, err)
	if hungUp() && (err == nil || errors.Is(err, context.Canceled)) {
		return exitHangUp
	}
	return code
}

// interrupts returns a context that the first signal to stop ends, and a function that tells whether that was SIGHUP. Where
// SIGHUP is ignored, by nohup, it stays so.
func interrupts() (ctx context.Context, hungUp func() bool, stop func()) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	hangUps := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
		signal.Notify(hangUps, syscall.SIGHUP)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), signals...)
	stop = func() { // the next signal has its usual effect
		signal.Stop(hangUps)
		cancel()
	}
	context.AfterFunc(ctx, stop)
	return ctx, func() bool { return len(hangUps) > 0 }, stop
}

// report says what went wrong, and how to go on, and chooses the exit code.
func report(w io.Writer, cmd *cobra.Command, err error) int {
	var failed *runError
	var usage *usageError
	switch {
	case err == nil, isClosedPipe(err):
		return exitOK
	case errors.As(err, &usage), !errors.As(err, &failed):
		fmt.Fprintf(w, "jocko: %v\nRun '%s --help' for usage.\n", err, cmd.CommandPath())
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "jocko: interrupted")
		return exitError
	}
	fmt.Fprintf(w, "jocko: %v\n", err)
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(w, "  %s\n", hint)
	}
	return exitError
}
