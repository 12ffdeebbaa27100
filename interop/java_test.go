package interop

import (
	"os/exec"
	"testing"

	"github.com/travisjeffery/jocko/interop/brokers"
)

// TestJava runs the clients of the 4.4.0 release.
func TestJava(t *testing.T) {
	jars, err := brokers.ServerJars.ClassPath(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	classes := t.TempDir()
	output(t, exec.Command("javac", "-cp", jars, "-d", classes, "java/Client.java"), "")
	c := startProcess(t, brokers.Java(t.Context(), classes+":"+jars, "Client"))
	exercise(t, c, offers{codecs: codecs, idempotence: true, consumes: true, admin: allVerbs})
}
