package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestKafkaJS(t *testing.T) {
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
	c := startProcess(t, exec.Command("node", "js/kafkajs_client.js", dir))
	exercise(t, c, offers{codecs: codecs, idempotence: true, admin: allVerbs})
}
