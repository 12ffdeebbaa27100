package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

func TestKafkaPython(t *testing.T) {
	c := startProcess(t, exec.Command(python(t), "python/kafka_python.py"))
	exercise(t, c, offers{codecs: codecs, idempotence: true, consumes: true, admin: allVerbs})
}

func TestAiokafka(t *testing.T) {
	c := startProcess(t, exec.Command(python(t), "python/aio_kafka.py"))
	exercise(t, c, offers{codecs: codecs, idempotence: true, consumes: true, admin: allVerbs})
}

var venv sync.Mutex

// python returns the interpreter of a virtual environment in the user's cache that has the clients,
// and makes it first when it isn't there or its requirements changed.
func python(t *testing.T) string {
	t.Helper()
	venv.Lock()
	defer venv.Unlock()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	dir := cacheDir(t, "python")
	interpreter := filepath.Join(dir, "bin", "python")
	installOnce(t, dir, "python/requirements.txt", func() {
		output(t, exec.Command("python3", "-m", "venv", "--clear", dir), "")
		output(t, exec.Command(interpreter, "-m", "pip", "install", "-q", "-r", "python/requirements.txt"), "")
	})
	return interpreter
}

// installOnce calls install unless dir holds a copy of the file that says what is installed.
func installOnce(t *testing.T, dir, file string, install func()) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(dir, ".installed")
	if have, err := os.ReadFile(marker); err == nil && string(have) == string(want) {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	install()
	if err := os.WriteFile(marker, want, 0o644); err != nil {
		t.Fatal(err)
	}
}
