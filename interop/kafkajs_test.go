package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

func TestKafkaJS(t *testing.T) {
	exercise(t, kafkaJS(t), offers{codecs: codecs, idempotence: true, admin: allVerbs})
}

func TestKafkaJSGroups(t *testing.T) {
	t.Parallel()
	share(t, processGroups{kafkaJS(t)})
}

func TestKafkaJSTransactions(t *testing.T) {
	t.Parallel()
	exactlyOnce(t, processTransactions{kafkaJS(t)})
}

var npm sync.Mutex

// kafkaJS starts the client, and installs its packages first when they aren't there.
func kafkaJS(t *testing.T) *process {
	t.Helper()
	npm.Lock()
	defer npm.Unlock()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed")
	}
	dir := cacheDir(t, "kafkajs")
	installOnce(t, dir, "js/package-lock.json", func() {
		for _, name := range []string{"package.json", "package-lock.json"} {
			data, err := os.ReadFile(filepath.Join("js", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		cmd.Dir = dir
		output(t, cmd, "")
	})
	return startProcess(t, exec.Command("node", "js/kafkajs_client.js", dir))
}
