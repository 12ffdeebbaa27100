package main

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// bootstrapTestEnv names the cluster that the scripts in testdata/broker run against, any Kafka. Without it they run
// against a broker in this process.
const bootstrapTestEnv = "JOCKO_TEST_BOOTSTRAP"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"jocko": main})
}

// TestScript runs what needs no broker: parsing, errors, completion.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv(bootstrapEnv, "")
		return nil
	}})
}

// TestBroker runs the scripts that talk to a cluster. Each uses topics whose names begin with $T.
func TestBroker(t *testing.T) {
	addr := os.Getenv(bootstrapTestEnv)
	if addr == "" {
		t.Skip("set " + bootstrapTestEnv)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/broker", Setup: func(e *testscript.Env) error {
		e.Setenv(bootstrapEnv, addr)
		e.Setenv("T", "cli-"+strings.ToLower(rand.Text()[:8]))
		return nil
	}})
}
