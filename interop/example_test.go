package interop

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestSaramaExample runs examples/sarama and compares what it prints with what its README says.
func TestSaramaExample(t *testing.T) {
	cmd := exec.Command("go", "run", ".", target(t).Addr)
	cmd.Dir = "../examples/sarama"
	got := output(t, cmd, "")
	var want strings.Builder
	for _, verb := range []string{"produced", "consumed"} {
		for i := range 10 {
			fmt.Fprintf(&want, "%s hello %d at offset %d\n", verb, i, i)
		}
	}
	if got != want.String() {
		t.Errorf("printed:\n%swant:\n%s", got, &want)
	}
}
