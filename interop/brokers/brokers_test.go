package brokers

import (
	"context"
	"os"
	"testing"
)

func TestKafkaStartsAndStops(t *testing.T) {
	ctx := context.Background()
	b, err := Start(ctx, Kafka, Options{Dir: t.TempDir(), Heap: "256m"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Kill()
	u, err := b.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if u.CPU <= 0 || u.PSS < 1<<20 || u.FDs < 3 || u.Threads < 2 {
		t.Errorf("usage of a running broker: %+v", u)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if b.Running() {
		t.Error("still running after Stop")
	}
	if _, err := os.Stat(b.DataDir + "/meta.properties"); err != nil {
		t.Errorf("the data folder is not kept: %v", err)
	}
}

func TestReadUsageOfThisProcess(t *testing.T) {
	u, err := ReadUsage(os.Getpid())
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	if u.RSS == 0 || u.Peak < u.RSS/2 || u.Maps == 0 {
		t.Errorf("usage of this process: %+v", u)
	}
}
