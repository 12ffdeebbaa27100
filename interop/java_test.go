package interop

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// TestJava runs the clients of the 4.4.0 release.
func TestJava(t *testing.T) {
	exercise(t, javaClient(t), offers{codecs: codecs, idempotence: true, consumes: true, admin: allVerbs})
}

// compiled is the folder of the compiled client; the first test that needs it compiles it.
var compiled struct {
	sync.Once
	dir string
	err error
}

func javaClient(t *testing.T) *process {
	t.Helper()
	jars, err := brokers.ServerJars.ClassPath(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compiled.Do(func() {
		if compiled.dir, compiled.err = os.MkdirTemp("", "jocko-interop-java-"); compiled.err == nil {
			_, compiled.err = try(exec.Command("javac", "-cp", jars, "-d", compiled.dir,
				"java/Client.java", "java/Members.java", "java/Transactions.java"), "")
		}
	})
	if compiled.err != nil {
		t.Fatal(compiled.err)
	}
	return startProcess(t, brokers.Java(context.Background(), compiled.dir+":"+jars, "Client"))
}
