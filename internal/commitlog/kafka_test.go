package commitlog

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// kafkaData names, in the environment, a log directory that Apache Kafka has written and closed, with segment.bytes=1048576, to be
// tested in place of testdata/kafka, which Kafka 4.4.0 wrote: partition 0 of its topic in all codecs, partition 1 in transactions,
// with segment.ms=10000.
const kafkaData = "JOCKO_KAFKA_DATA"

func kafkaDirectory() string {
	if dir := os.Getenv(kafkaData); dir != "" {
		return dir
	}
	return "testdata/kafka"
}

func copyKafkaData(t *testing.T) string {
	t.Helper()
	from := kafkaDirectory()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestKafkaDirectory opens what Kafka wrote, appends every batch to a log of our own, and compares the files.
func TestKafkaDirectory(t *testing.T) {
	kafka := copyKafkaData(t)
	before := os.DirFS(kafkaDirectory()).(fs.ReadFileFS)
	opt := testOptions(kafka)
	opt.ClusterID, opt.NodeID = "", -1
	opt.Config.SegmentBytes = 1 << 20
	if os.Getenv(kafkaData) == "" {
		opt.Config.SegmentAge = 10 * time.Second
	}
	theirs := openDirs(t, vfs.OS(), opt)
	if _, ok := theirs.CleanShutdown(); !ok {
		t.Error("Kafka's clean shutdown isn't seen as one")
	}
	own := filepath.Join(t.TempDir(), "own")
	opt.Paths = []string{own}
	ours := openDirs(t, vfs.OS(), opt)
	for _, l := range theirs.Logs() {
		if l.Err() != nil {
			t.Errorf("%s: %v", l.TP(), l.Err())
			continue
		}
		if strings.HasPrefix(l.tp.Topic, "__cluster") {
			continue
		}
		copyLog(t, ours, l, opt.Config)
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	for _, l := range ours.Logs() {
		if l.End() == 0 {
			continue // our first append makes the files, and the epoch of a leader that never wrote is dropped, as by Kafka
		}
		compareFolders(t, before, l.tp.String(), own)
		compareFolders(t, before, l.tp.String(), kafka) // opening and closing changed nothing
	}
}

func copyLog(t *testing.T, d *Dirs, from *Log, cfg LogConfig) {
	t.Helper()
	to, err := d.Create(from.tp, from.TopicID(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for o := from.Start(); o < from.End(); {
		b, next, err := from.ReadBytes(nil, o, 1, from.End(), true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.AppendFollower(b); err != nil {
			t.Fatal(err)
		}
		o = next
	}
	if from.End() > 0 {
		to.AssignEpochStart(0, 0)
	}
	to.UpdateHighWatermark(to.End())
	if n, m := len(from.Producers()), len(to.Producers()); n != m {
		t.Errorf("%s: %d producers, %d expected", from.tp, m, n)
	}
	for _, until := range []record.Offset{from.End(), from.End() / 2} {
		a, err1 := from.AbortedTxns(0, until)
		b, err2 := to.AbortedTxns(0, until)
		if err1 != nil || err2 != nil || len(a) != len(b) {
			t.Errorf("%s: aborted transactions %d (%v) and %d (%v)", from.tp, len(a), err1, len(b), err2)
		}
	}
	f1, ok1 := from.FirstUnstable()
	f2, ok2 := to.FirstUnstable()
	if f1 != f2 || ok1 != ok2 {
		t.Errorf("%s: first unstable offset %d %v and %d %v", from.tp, f1, ok1, f2, ok2)
	}
}

func compareFolders(t *testing.T, kafka fs.ReadFileFS, folder, own string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(kafkaDirectory(), folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		want, err := kafka.ReadFile(folder + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(own, folder, e.Name()))
		if os.IsNotExist(err) && strings.HasSuffix(e.Name(), snapshotSuffix) && len(want) == snapshotHeader {
			continue // without a producer, a short log is replayed rather than given a snapshot at each stop
		}
		if err != nil {
			t.Errorf("%s: %v", folder, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s/%s: %d bytes differ from Kafka's %d", folder, e.Name(), len(got), len(want))
		}
	}
}

// TestKafkaDump compares what Dump prints with what Kafka's own tool prints, for every file of Kafka's directory. The tool's output
// is expected beside the directory, in the file "dump", made with --print-data-log.
func TestKafkaDump(t *testing.T) {
	want, err := os.ReadFile(filepath.Join(kafkaDirectory(), "dump"))
	if err != nil {
		t.Skip(err)
	}
	for section := range strings.SplitSeq(string(want), "Dumping ") {
		path, _, _ := strings.Cut(section, "\n")
		if path == "" {
			continue
		}
		var got bytes.Buffer
		if err := Dump(&got, vfs.OS(), path, DumpOptions{Data: true}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		g, w := strings.Split(got.String(), "\n"), strings.Split("Dumping "+section, "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Errorf("%s line %d:\n%.300s\nKafka:\n%.300s", path, i, g[i], w[i])
				break
			}
		}
		if len(g) != len(w) {
			t.Errorf("%s: %d lines, Kafka's tool prints %d", path, len(g), len(w))
		}
	}
}
