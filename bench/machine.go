package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// machine says what the numbers were taken on.
type machine struct {
	when                                 time.Time
	cpu, cores, memory, kernel, java, at string
}

func describeMachine(ctx context.Context) machine {
	m := machine{when: time.Now(), cores: itoa(runtime.NumCPU())}
	m.cpu = lineValue("/proc/cpuinfo", "model name")
	m.memory = lineValue("/proc/meminfo", "MemTotal")
	m.kernel = output(ctx, "", "uname", "-sr")
	m.java, _, _ = strings.Cut(output(ctx, "", "java", "-version"), "\n")
	if root, err := brokers.Root(); err == nil {
		m.at = output(ctx, root, "git", "describe", "--always", "--dirty")
	}
	return m
}

func output(ctx context.Context, dir, name string, args ...string) string {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// lineValue returns what follows key and a colon in a file of such lines.
func lineValue(name, key string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return "unknown"
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
