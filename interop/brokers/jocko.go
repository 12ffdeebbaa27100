package brokers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

var built struct {
	sync.Mutex
	binary string
}

// jockoArgs returns Jocko's command line: its listener, its log dir, no admin endpoint, and what the
// caller configured.
func (b *Broker) jockoArgs(ctx context.Context) ([]string, error) {
	binary := b.opt.Binary
	if binary == "" {
		var err error
		if binary, err = BuildJocko(ctx); err != nil {
			return nil, err
		}
	}
	props, err := b.writeProperties([][2]string{
		{"listeners", "PLAINTEXT://" + b.Addr},
		{"log.dirs", b.DataDir},
		{"admin.listener", ""},
	})
	if err != nil {
		return nil, err
	}
	return []string{binary, "server", props}, nil
}

// BuildJocko builds the broker of this repository once per process, into a folder of the user's
// cache, and returns the binary's path. JOCKO_BINARY names one that is already built.
func BuildJocko(ctx context.Context) (string, error) {
	built.Lock()
	defer built.Unlock()
	if built.binary != "" {
		return built.binary, nil
	}
	if name := os.Getenv("JOCKO_BINARY"); name != "" {
		return name, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := filepath.Join(cache, "jocko", fmt.Sprintf("jocko-%08x", checksum([]byte(root))))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", name, "./cmd/jocko")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build jocko: %w\n%s", err, out)
	}
	built.binary = name
	return name, nil
}

// Root returns the folder of this repository: that of the source file this function is in.
func Root() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return rootFromWorkingDir()
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file))), nil
}

// rootFromWorkingDir is for binaries built with -trimpath: they must run inside the repository.
func rootFromWorkingDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/travisjeffery/jocko\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside Jocko's repository")
		}
		dir = parent
	}
}
