package replica

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the scripts expect")

// TestScripts runs the scripts in testdata: changes of the metadata and requests
// to partitions, and what comes of them. A block is one or more commands, a line
// ----, and what they answer. Commands:
//
//	create TOPIC [partitions=1] [replicas=1] [leader=1]
//	delete TOPIC
//	leader PARTITION ID         a new leader epoch, also for the same leader
//	isr PARTITION IDS
//	config topic|broker NAME KEY=VALUE
//	append PARTITION [n=1] [size=10] [acks=1]
//	read PARTITION FROM [max=] [epoch=] [fetched=] [one]
//	list PARTITION TIMESTAMP    also earliest, latest
//	epoch-end PARTITION EPOCH
//	delete-records PARTITION OFFSET
//	cut PARTITION               empties its part of the ring
//	state | dirs
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { runScript(t, path) })
	}
}

func runScript(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{newFixture(t, fixtureOptions{})}
	var out []string
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		commands, want, found := strings.Cut(block, "\n----")
		if !found {
			out = append(out, block) // a comment
			continue
		}
		var answers []string
		for _, line := range strings.Split(commands, "\n") {
			if a := s.run(strings.Fields(line)); a != "" {
				answers = append(answers, a)
			}
		}
		got := strings.Join(answers, "\n")
		if want = strings.TrimPrefix(want, "\n"); got != want && !*rewrite {
			t.Errorf("%s\n---- want\n%s\n---- got\n%s", commands, want, got)
		}
		out = append(out, strings.TrimSpace(commands+"\n----\n"+got))
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type script struct{ *fixture }

// options are the words of a command: key=value, or a word alone.
type options map[string]string

func (o options) num(key string, none int) int {
	n, err := strconv.Atoi(cmp.Or(o[key], strconv.Itoa(none)))
	if err != nil {
		panic(err)
	}
	return n
}

func (s *script) run(words []string) string {
	if words[0] == "#" {
		return ""
	}
	opt := make(options)
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		opt[k] = v
	}
	switch words[0] {
	case "create":
		s.createOn(words[1], opt.num("partitions", 1), ids(cmp.Or(opt["replicas"], "1")), int32(opt.num("leader", self)))
	case "delete":
		s.apply(&protocol.RemoveTopicRecord{TopicId: s.image.Topic(words[1]).ID})
	case "config":
		resource, name := metadata.TopicResource, words[2]
		if words[1] == "broker" {
			resource, name = metadata.BrokerResource, strings.Trim(name, "-")
		}
		key, value, _ := strings.Cut(words[3], "=")
		s.config(resource, name, key, value)
	case "state":
		return s.state()
	case "dirs":
		return s.folders()
	default:
		return s.ask(words, opt)
	}
	return ""
}

// ask runs a command on one partition.
func (s *script) ask(words []string, opt options) string {
	topic, index, _ := strings.Cut(words[1], "/")
	i, _ := strconv.Atoi(index)
	p, err := s.replicas.ByName(topic, int32(i))
	if err != nil {
		return name(err)
	}
	switch words[0] {
	case "leader":
		s.lead(p, ids(words[2])[0])
		return ""
	case "isr":
		c := s.change(p)
		c.Isr = ids(words[2])
		s.apply(c)
		return ""
	case "cut":
		s.replicas.ring.cut(&p.tail)
		return ""
	case "append":
		a, err := s.append(p, opt.num("n", 1), opt.num("size", 10), opt["acks"] == "all")
		if err != nil {
			return name(err)
		}
		return fmt.Sprintf("offsets %d-%d committed=%t", a.First, a.Last, a.Committed)
	case "read":
		return s.read(p, words[2], opt)
	case "list":
		return list(p, words[2], record.LeaderEpoch(opt.num("epoch", -1)))
	case "epoch-end":
		e, err := p.EpochEnd(record.LeaderEpoch(opt.num("epoch", -1)), record.LeaderEpoch(ids(words[2])[0]))
		if err != nil {
			return name(err)
		}
		return fmt.Sprintf("epoch %d ends at %d", e.Epoch, e.End)
	case "delete-records":
		start, err := p.DeleteRecords(record.Offset(ids(words[2])[0]))
		if err != nil {
			return name(err)
		}
		return fmt.Sprintf("starts at %d", start)
	}
	return "no such command: " + words[0]
}

func (s *script) read(p *Partition, from string, opt options) string {
	_, one := opt["one"]
	res, err := p.Read(nil, ReadParams{
		Offset: record.Offset(ids(from)[0]), MaxBytes: opt.num("max", 1<<20), MinOne: one,
		CurrentEpoch: record.LeaderEpoch(opt.num("epoch", -1)), LastFetchedEpoch: record.LeaderEpoch(opt.num("fetched", -1)),
	})
	if err != nil {
		return name(err)
	}
	if res.Diverging != nil {
		return fmt.Sprintf("diverging: epoch %d ends at %d", res.Diverging.Epoch, res.Diverging.End)
	}
	source := "nothing"
	if len(res.Records) > 0 {
		source = "file"
		if res.Records[0].File == nil {
			source = "ring"
		}
	}
	var offsets []string
	for b := bytesOf(s, res.Records); len(b) > 0; {
		batch, rest, err := record.Next(b)
		if err != nil {
			s.Fatal(err)
		}
		offsets = append(offsets, fmt.Sprintf(" %d-%d@%d", batch.BaseOffset(), batch.LastOffset(), batch.LeaderEpoch()))
		b = rest
	}
	return fmt.Sprintf("%s%s high watermark %d start %d", source, strings.Join(offsets, ""), res.HighWatermark, res.LogStart)
}

func list(p *Partition, at string, epoch record.LeaderEpoch) string {
	ts := map[string]int32{"latest": -1, "earliest": -2}
	v, ok := ts[at]
	if !ok {
		v = ids(at)[0]
	}
	o, err := p.ListOffset(int64(v), epoch, false)
	switch {
	case err != nil:
		return name(err)
	case !o.Found:
		return "none"
	}
	return fmt.Sprintf("offset %d epoch %d timestamp %d", o.Offset, o.Epoch, o.Timestamp)
}

// state prints every partition.
func (s *script) state() string {
	var lines []string
	s.replicas.All(func(p *Partition) bool {
		log := "no log"
		if l := p.Log(); l != nil {
			log = fmt.Sprintf("log %d to %d", l.Start(), l.End())
		}
		names := map[state]string{following: "following", leading: "leading", offline: "offline", deleted: "deleted"}
		leader, epoch := p.Leader()
		lines = append(lines, fmt.Sprintf("%s/%d %s leader=%d epoch=%d high watermark %d, %s, %d in the ring",
			p.Topic, p.Index, names[p.state], leader, epoch, p.HighWatermark(), log, len(p.tail.batches)-p.tail.head))
		return true
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

var unique = regexp.MustCompile(`[0-9a-f]{32}`)

// folders lists the partitions' folders on disk.
func (s *script) folders() string {
	entries, err := s.fs.ReadDir(s.paths[0])
	if err != nil {
		return name(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir {
			names = append(names, unique.ReplaceAllString(e.Name, "<id>"))
		}
	}
	return strings.Join(names, " ")
}

// name is the error's code, in Kafka's word.
func name(err error) string {
	var code protocol.Error
	if errors.As(err, &code) {
		return code.Name()
	}
	var invalid *record.Error
	if errors.As(err, &invalid) {
		return invalid.Kind.String()
	}
	return err.Error()
}

func ids(list string) []int32 {
	var out []int32
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			panic(err)
		}
		out = append(out, int32(n))
	}
	return out
}
