package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// writer is a client that makes a record of each line of its standard input, with acks=all.
type writer struct {
	name    string
	command func(ctx context.Context, c *campaign, topic, codec string) (*exec.Cmd, error)
	// feed, if set, changes the input so that the client can carry it: what it stores is the text still.
	feed func(io.Writer) io.Writer
	// readers of the same code base, which would share its mistakes
	relatives []string
	// mayStorePlain: the client sends a batch uncompressed that compression would make larger.
	mayStorePlain bool
}

//go:embed Text.java
var javaSource []byte

var writers = []*writer{
	{
		// kcat skips empty lines. A line of key, delimiter and value is never empty: each gets an empty key.
		name: "kcat", relatives: []string{"kcat"}, mayStorePlain: true,
		feed: func(w io.Writer) io.Writer { return &linePrefixer{w: w} },
		command: func(ctx context.Context, c *campaign, topic, codec string) (*exec.Cmd, error) {
			return exec.CommandContext(ctx, "kcat", "-b", c.broker.Addr, "-P", "-t", topic, "-p", "0", "-K", "\t", "-z", codec,
				"-X", "acks=all", "-X", "enable.idempotence=true", "-X", "message.max.bytes="+strconv.Itoa(largestMessage)), nil
		},
	},
	{
		name: "jocko produce", relatives: []string{"jocko consume", "franz-go"}, mayStorePlain: true,
		command: func(ctx context.Context, c *campaign, topic, codec string) (*exec.Cmd, error) {
			binary, err := brokers.BuildJocko(ctx)
			if err != nil {
				return nil, err
			}
			return exec.CommandContext(ctx, binary, "produce", topic, "--bootstrap", c.broker.Addr, "--partition", "0",
				"--codec", codec, "--quiet"), nil
		},
	},
	{
		name: "Java producer", relatives: []string{"Java consumer"},
		command: func(ctx context.Context, c *campaign, topic, codec string) (*exec.Cmd, error) {
			return c.java(ctx, "produce", c.broker.Addr, topic, codec, strconv.Itoa(largestMessage)), nil
		},
	},
}

// write pipes the text into the writer and returns what went in.
func (c *campaign) write(ctx context.Context, w *writer, topic, codec string, size int64) (*tally, error) {
	cmd, err := w.command(ctx, c, topic, codec)
	if err != nil {
		return nil, err
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	said := new(lastWords)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	sent := newTally()
	var to io.Writer = pipe
	if w.feed != nil {
		to = w.feed(pipe)
	}
	fed := c.text.copyTo(io.MultiWriter(to, sent), size)
	fed = errors.Join(fed, pipe.Close())
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said)
	}
	return sent, fed
}

// java is the command line of Text.java.
func (c *campaign) java(ctx context.Context, args ...string) *exec.Cmd {
	java := []string{"-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", c.classes + ":" + c.jars, "Text"}
	return exec.CommandContext(ctx, "java", append(java, args...)...)
}

// compileJava fetches Kafka's clients, and compiles Text.java with them.
func (c *campaign) compileJava(ctx context.Context) (err error) {
	if c.jars, err = brokers.ServerJars.ClassPath(ctx); err != nil {
		return err
	}
	source := filepath.Join(c.dir, "Text.java")
	if err := os.WriteFile(source, javaSource, 0o644); err != nil {
		return err
	}
	c.classes = filepath.Join(c.dir, "classes")
	out, err := exec.CommandContext(ctx, "javac", "-cp", c.jars, "-d", c.classes, source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac: %w\n%s", err, out)
	}
	return nil
}

// lastWords keeps the end of what a program said, for error messages.
type lastWords struct{ data []byte }

func (l *lastWords) Write(p []byte) (int, error) {
	const most = 4 << 10
	l.data = append(l.data, p...)
	l.data = l.data[max(0, len(l.data)-most):]
	return len(p), nil
}

func (l *lastWords) String() string { return string(l.data) }
