package node

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// disk is a file system in memory that is there after a node stopped.
type disk struct {
	t *testing.T
	*vfs.Mem
}

func newDisk(t *testing.T) disk { return disk{t, vfs.NewMem()} }

// lived starts a node, writes five records into topic t, partition 0, and stops it.
func (d disk) lived(cfg config.Map) {
	d.t.Helper()
	n := run(d.t, Env{FS: d.Mem}, cfg)
	cl := client(d.t, n.Addr())
	produce(d.t, cl, "t", 0, 5)
	cl.Close()
	if err := n.stop(); err != nil {
		d.t.Fatal(err)
	}
}

// starts wants a node to start, and to have the records of lived.
func (d disk) starts(cfg config.Map) {
	d.t.Helper()
	n := run(d.t, Env{FS: d.Mem}, cfg)
	consume(d.t, n.Addr(), "t", 5)
	if err := n.stop(); err != nil {
		d.t.Error(err)
	}
}

// refuses wants a start to fail with a message that has all the words, and not to write anything.
func (d disk) refuses(cfg config.Map, words ...string) {
	d.t.Helper()
	ops := d.Ops()
	n, ended, _ := launch(d.t, Env{FS: d.Mem}, cfg)
	select {
	case err := <-ended:
		for _, w := range append(words, "docs/") {
			if err == nil || !strings.Contains(err.Error(), w) {
				d.t.Errorf("%v: %v, without %q", cfg, err, w)
			}
		}
	case <-n.Ready():
		d.t.Fatalf("%v: the node starts", cfg)
	}
	if d.Ops() != ops {
		d.t.Errorf("%v: the refused start wrote", cfg)
	}
}

func (d disk) write(name, data string) {
	d.t.Helper()
	err := d.MkdirAll(filepath.Dir(name))
	if err == nil {
		err = vfs.WriteAtomic(d.Mem, name, []byte(data))
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) move(from, to string) {
	d.t.Helper()
	err := d.MkdirAll(filepath.Dir(to))
	if err == nil {
		err = d.Rename(from, to)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) remove(name string) {
	d.t.Helper()
	if err := d.RemoveAll(name); err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) has(name string) bool {
	_, err := d.Stat(name)
	return err == nil
}

// TestMetadataLogDir keeps the metadata log apart from the log dirs, and loses one after the other.
func TestMetadataLogDir(t *testing.T) {
	cfg := config.Map{"log.dirs": "/a,/b", "metadata.log.dir": "/m"}
	d := newDisk(t)
	d.lived(cfg)
	if !d.has("/m/__raft/segments") || d.has("/a/__raft") || d.has("/b/__raft") {
		t.Fatal("the metadata log is not in metadata.log.dir")
	}
	d.starts(cfg)
	with, without := "/a", "/b"
	if d.has("/b/t-0") {
		with, without = without, with
	}
	t.Run("the first log dir is lost", func(t *testing.T) {
		d := disk{t, d.Crash(vfs.Written, 0)}
		cfg := config.Map{"log.dirs": without + "," + with, "metadata.log.dir": "/m"}
		d.remove(without)
		d.starts(cfg)
		d.starts(cfg)
	})
	t.Run("the metadata log is lost", func(t *testing.T) {
		d := disk{t, d.Crash(vfs.Written, 0)}
		d.move("/m", "/backup")
		d.refuses(cfg, "no metadata log in /m/__raft", "partitions, such as", "Restore /m/__raft")
		d.move("/backup", "/m")
		d.starts(cfg)
	})
	t.Run("the key is lost", func(t *testing.T) {
		d := disk{t, d.Crash(vfs.Written, 0)}
		d.refuses(config.Map{"log.dirs": "/a,/b"}, "no metadata log in /a/__raft", "Restore /a/__raft, or set metadata.log.dir")
		d.starts(cfg)
	})
	t.Run("the log moves with the key", func(t *testing.T) {
		d := disk{t, d.Crash(vfs.Written, 0)}
		d.move("/m/__raft", "/elsewhere/__raft")
		d.starts(config.Map{"log.dirs": "/a,/b", "metadata.log.dir": "/elsewhere"})
	})
}

// TestTheMetadataLogIsElsewhere: a key that was added, or an order that changed, says where to look in vain.
func TestTheMetadataLogIsElsewhere(t *testing.T) {
	d := newDisk(t)
	d.lived(config.Map{"log.dirs": "/a,/b"})
	want := "there is one in /a/__raft: set metadata.log.dir=/a"
	d.refuses(config.Map{"log.dirs": "/a,/b", "metadata.log.dir": "/m"}, want)
	d.refuses(config.Map{"log.dirs": "/b,/a"}, want)
	d.starts(config.Map{"log.dirs": "/b,/a", "metadata.log.dir": "/a"})
}

// TestDirectoriesOfEarlierVersions: they named Raft's server by the first log dir, wherever the metadata log was.
func TestDirectoriesOfEarlierVersions(t *testing.T) {
	for _, metadata := range []string{"/m", "/b"} {
		cfg := config.Map{"log.dirs": "/a,/b", "metadata.log.dir": metadata}
		d := newDisk(t)
		d.lived(config.Map{"log.dirs": "/a,/b"}) // the metadata log is begun under the name of /a
		d.move("/a/__raft", metadata+"/__raft")
		d.starts(cfg)
		if d.has("/b/t-0") {
			d.remove("/a")
			d.starts(cfg)
		}
	}
}

// TestALogDirIsMissing starts without a log dir that holds a partition, several times and in several ways: the partition is
// offline and takes nothing, new topics are served, and the records are there when the directory is.
func TestALogDirIsMissing(t *testing.T) {
	d := newDisk(t)
	cfg := config.Map{"log.dirs": "/a,/b", "metadata.log.dir": "/m"}
	d.lived(cfg)
	with, without := "/a", "/b"
	if d.has("/b/t-0") {
		with, without = "/b", "/a"
	}
	d.move(with, "/unmounted")
	unmounted := func(cfg config.Map) {
		t.Helper()
		n := run(t, Env{FS: d.Mem}, cfg)
		cl := client(t, n.Addr())
		defer cl.Close()
		offsets, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "t")
		if o, _ := offsets.Lookup("t", 0); err != nil || !errors.Is(o.Err, kerr.KafkaStorageError) {
			t.Errorf("%v: the partition ends at %d: %v, %v", cfg, o.Offset, o.Err, err)
		}
		if d.has(without + "/t-0") {
			t.Errorf("%v: the partition is begun anew", cfg)
		}
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		unmounted(config.Map{"log.dirs": without, "metadata.log.dir": "/m"})
		unmounted(cfg) // an empty mount point
	}
	d.remove(with)
	d.move("/unmounted", with)
	d.starts(cfg)
}

// TestPartitionsWithoutMetadata loses the metadata log of a node, and more.
func TestPartitionsWithoutMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		lose  []string
		words []string
	}{
		"the metadata log":             {[]string{"/data/__raft"}, []string{"holds", "partitions", "Restore /data/__raft"}},
		"whose directory it is, too":   {[]string{"/data/__raft", "/data/meta.properties"}, []string{"holds", "partitions"}},
		"the partitions, too":          {[]string{"/data/__raft", "/data/t-0"}, []string{"is of the cluster"}},
		"only whose directory it is":   {[]string{"/data/meta.properties"}, []string{"no meta.properties that says whose they are"}},
		"what the metadata log begins": {[]string{"/data/__raft/segments"}, []string{"corrupt", "/data/__raft/segments is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			d.lived(nil)
			for _, file := range c.lose {
				d.remove(file)
			}
			d.refuses(nil, c.words...)
		})
	}
}

// TestDamagedVotes damages the file of term and vote: the start is refused before anything is written.
func TestDamagedVotes(t *testing.T) {
	for name, bytes := range map[string][]byte{"overwritten": make([]byte, 8192), "cut to nothing": {}, "missing": nil} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			d.lived(nil)
			d.remove("/data/__raft/votes")
			if bytes != nil {
				d.write("/data/__raft/votes", string(bytes))
			}
			d.refuses(nil, "corrupt", "/data/__raft/votes")
		})
	}
}

// kafkaMeta is what Apache Kafka writes into each of its directories.
const kafkaMeta = "#\n#Tue Dec 01 02:00:00 UTC 2026\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\ndirectory.id=ZUDE4yzYTTGfyvVMYrCnNg\nnode.id=1\nversion=1\n"

// TestDirectoriesOfApacheKafka has what Kafka's releases leave behind, alone and beside what is ours.
func TestDirectoriesOfApacheKafka(t *testing.T) {
	segment := "/00000000000000000000.log"
	for name, c := range map[string]struct {
		files map[string]string
		words []string
	}{
		"KRaft": {map[string]string{
			"meta.properties": kafkaMeta, "__cluster_metadata-0" + segment: "x", "orders-0" + segment: "x",
		}, []string{"Apache Kafka's: it has __cluster_metadata-0"}},
		"formatted":         {map[string]string{"meta.properties": kafkaMeta, "bootstrap.checkpoint": "x"}, []string{"it has bootstrap.checkpoint"}},
		"a further log dir": {map[string]string{"meta.properties": kafkaMeta, "orders-0" + segment: "x"}, []string{"docs/migrating.md"}},
		"an empty log dir":  {map[string]string{"meta.properties": kafkaMeta}, []string{"is of the cluster AAAAAAAAAAAAAAAAAAAAAQ", "docs/migrating.md"}},
		"of ZooKeeper's time": {map[string]string{
			"meta.properties": "#\nversion=0\nbroker.id=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\n", "orders-0" + segment: "x",
		}, []string{"Apache Kafka's: it has meta.properties of version 0"}},
		"of ZooKeeper's time, empty": {map[string]string{"meta.properties": "#\nversion=0\nbroker.id=1\n"}, []string{"of version 0"}},
		"copied folders":             {map[string]string{"orders-0" + segment: "x"}, []string{"docs/migrating.md"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			for file, data := range c.files {
				d.write(filepath.Join("/kafka", file), data)
			}
			d.refuses(config.Map{"log.dirs": "/kafka"}, c.words...)
			d.refuses(config.Map{"log.dirs": "/data,/kafka"}, c.words...)
			d.refuses(config.Map{"metadata.log.dir": "/kafka"}, c.words...)
		})
		t.Run(name+", added to our own", func(t *testing.T) {
			d := newDisk(t)
			d.lived(nil)
			for file, data := range c.files {
				d.write(filepath.Join("/kafka", file), data)
			}
			d.refuses(config.Map{"log.dirs": "/data,/kafka"}, "/kafka")
			d.starts(nil)
		})
	}
}

// TestADirectoryThatAnEarlierVersionTookOver: it has our metadata log, of the same cluster.
func TestADirectoryThatAnEarlierVersionTookOver(t *testing.T) {
	d := newDisk(t)
	d.lived(nil)
	d.write("/data/bootstrap.checkpoint", "x")
	d.starts(nil)
}

// TestFilesOfALaterVersion: each stops the start, before anything is written.
func TestFilesOfALaterVersion(t *testing.T) {
	for file, data := range map[string]string{
		"meta.properties":                  strings.Replace(kafkaMeta, "version=1", "version=2", 1),
		"recovery-point-offset-checkpoint": "1\n0\n",
		"replication-offset-checkpoint":    "1\n0\n",
		"log-start-offset-checkpoint":      "2\n{}\n",
		"cleaner-offset-checkpoint":        "1\n",
	} {
		d := newDisk(t)
		d.lived(nil)
		d.write("/data/"+file, data)
		d.refuses(nil, file, "version")
	}
}

// TestAPartitionOfALaterVersion costs that partition only, and the file stays.
func TestAPartitionOfALaterVersion(t *testing.T) {
	d := newDisk(t)
	d.lived(nil)
	const file, data = "/data/t-0/partition.metadata", "version: 1\ntopic: t\n"
	d.write(file, data)
	n := run(t, Env{FS: d.Mem}, nil)
	if log := n.dirs.Get(commitlog.TP{Topic: "t"}); log == nil || log.Err() == nil || !strings.Contains(log.Err().Error(), "version 1") {
		t.Error("the partition is served")
	}
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if b, err := vfs.ReadFile(d.Mem, file); err != nil || string(b) != data {
		t.Errorf("%s is %q now, %v", file, b, err)
	}
}

// TestAnOtherNodesDirectory has the id of another node, or the cluster of another.
func TestAnOtherNodesDirectory(t *testing.T) {
	d := newDisk(t)
	d.lived(nil)
	d.refuses(config.Map{"node.id": "2"}, "is of node 1, says its meta.properties, and this is node 2")
	d.lived(config.Map{"log.dirs": "/other"})
	d.refuses(config.Map{"log.dirs": "/data,/other"}, "/other is of the cluster")
}

// future adds a record to the metadata log, as a later version may have done.
func (d disk) future(r metadata.Record) {
	d.t.Helper()
	n := run(d.t, Env{FS: d.Mem}, nil)
	ctx := within(d.t)
	if err := n.raft.Barrier(ctx); err != nil {
		d.t.Fatal(err)
	}
	_, _ = n.raft.Propose(ctx, []metadata.Record{r})
	_ = n.stop()
}

// TestMetadataOfALaterVersion: the node stops when it comes, and doesn't start again.
func TestMetadataOfALaterVersion(t *testing.T) {
	for name, c := range map[string]struct {
		record metadata.Record
		words  string
	}{
		"a feature":            {&protocol.FeatureLevelRecord{Name: "tiers.version", FeatureLevel: 1}, "tiers.version at level 1, and this version doesn't know it"},
		"a level":              {&protocol.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: 99}, "metadata.version at level 99, and this version goes up to"},
		"a record without use": {&protocol.RemoveAccessControlEntryRecord{}, "written by a later one"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			d.lived(nil)
			d.future(c.record)
			ops := d.Ops()
			n, ended, _ := launch(t, Env{FS: d.Mem}, nil)
			select {
			case err := <-ended:
				if err == nil || !strings.Contains(err.Error(), c.words) {
					t.Error(err)
				}
			case <-n.Ready():
				t.Error("the node starts")
			}
			if d.Ops() != ops {
				t.Error("the refused start wrote")
			}
		})
	}
}

// TestARunningNodeStopsAtALaterRecord as it comes from the metadata log.
func TestARunningNodeStopsAtALaterRecord(t *testing.T) {
	n, ended, _ := launch(t, Env{}, nil)
	<-n.Ready()
	ctx := within(t)
	if err := n.raft.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := n.raft.Propose(ctx, []metadata.Record{&protocol.RemoveAccessControlEntryRecord{}}); err == nil {
		t.Error("the record was taken")
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "written by a later one") {
			t.Error(err)
		}
	case <-time.After(limit):
		t.Error("the node goes on")
	}
}
