package main

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/travisjeffery/jocko/jockotest"
)

// bootstrapTestEnv names the cluster that the scripts in testdata/broker run against, any Kafka. Without it they run
// against a broker in this process.
const bootstrapTestEnv = "JOCKO_TEST_BOOTSTRAP"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"jocko": main, "transact": transact})
}

// TestScript runs what needs no broker: parsing, errors, completion.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv(bootstrapEnv, "")
		return nil
	}})
}

// testCluster returns the address of the cluster to test with.
func testCluster(t *testing.T) string {
	t.Helper()
	if addr := os.Getenv(bootstrapTestEnv); addr != "" {
		return addr
	}
	return jockotest.Start(t).Addr()
}

// TestBroker runs the scripts that talk to a cluster. Each uses topics whose names begin with $T.
func TestBroker(t *testing.T) {
	addr := testCluster(t)
	testscript.Run(t, testscript.Params{Dir: "testdata/broker", Setup: func(e *testscript.Env) error {
		e.Setenv(bootstrapEnv, addr)
		e.Setenv("T", "cli-"+strings.ToLower(rand.Text()[:8]))
		return nil
	}})
}
