//go:build differential

package interop

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/brokers"
	"github.com/travisjeffery/jocko/interop/wire"
)

var (
	differentialRequests = flag.Int("differential.requests", 2400, "how many generated requests TestDifferential sends")
	differentialSeed     = flag.Uint64("differential.seed", 1, "seed of TestDifferential's requests")
	differentialOnly     = flag.String("differential.only", "", "send requests of this API alone, as kmsg names it")
)

// TestDifferential sends the same generated requests, good, odd and wrong ones, to Apache Kafka and
// to the broker under test, and compares the answers: error codes, shapes, values, and whether the
// connection is closed. After each request that changes something, and at the end, the effects are
// compared too: topics, partitions, configs, offsets and the stored batches. A difference must be in
// the table of differential_accepted_test.go, with its reason, or the test fails.
//
// Against Apache Kafka itself (INTEROP_TARGET=kafka) it shows what differs from run to run.
func TestDifferential(t *testing.T) {
	d := &differential{t: t, found: map[string]*difference{}, took: map[int16]time.Duration{}, least: min(2000, *differentialRequests)}
	d.theirs = startSide(t, "kafka", brokers.Kafka)
	d.ours = startSide(t, "ours", kind())
	d.apis = d.theirs.served(t)
	d.prepare()
	defer d.report()
	for i, rq := range d.plan() {
		if end, ok := t.Deadline(); ok && time.Until(end) < time.Minute {
			t.Errorf("stopped after %d requests: no time is left for more", i)
			break
		}
		d.send(i, rq)
	}
	d.compareLogs()
}

// side is one of the two brokers.
type side struct {
	name   string
	broker *brokers.Broker
	conn   *wire.Conn
	ids    map[string][16]byte // topic ids by name
	names  map[[16]byte]string
}

func startSide(t *testing.T, name string, kind brokers.Kind) *side {
	t.Helper()
	return startSideWith(t, name, kind, nil)
}

// startSideWith starts a broker with more configs than those of every side.
func startSideWith(t *testing.T, name string, kind brokers.Kind, more map[string]string) *side {
	t.Helper()
	config := map[string]string{
		// Nothing may happen by itself while answers are compared.
		"log.retention.check.interval.ms": "36000000",
		"log.cleaner.backoff.ms":          "36000000",
		"num.partitions":                  "2",
		"message.timestamp.after.max.ms":  "3600000",
	}
	maps.Copy(config, more)
	b, err := brokers.Start(t.Context(), kind, brokers.Options{Dir: t.TempDir(), Heap: "512m", Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	return &side{name: name, broker: b, ids: map[string][16]byte{}, names: map[[16]byte]string{}}
}

// difference is one kind of difference: requests that differ alike are counted together.
type difference struct {
	count  int
	first  string // the first request
	reason string // why it is accepted; empty when it isn't
}

type differential struct {
	t            *testing.T
	theirs, ours *side
	apis         map[int16][2]int16 // what Kafka serves: lowest and highest version
	found        map[string]*difference
	sent         int
	least        int // requests that must have been sent
	closed       int
	diverged     int // requests that one broker took and the other did not
	took         map[int16]time.Duration
	known        [2]map[string]string // theirs and ours where effects were found to differ
}

// served asks which versions the broker serves; the request of an API exists here at those that
// kmsg knows too.
func (s *side) served(t *testing.T) map[int16][2]int16 {
	t.Helper()
	req := kmsg.NewPtrApiVersionsRequest()
	c, err := s.connection()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int16][2]int16{}
	for _, k := range resp.(*kmsg.ApiVersionsResponse).ApiKeys {
		if r := kmsg.RequestForKey(k.ApiKey); r != nil {
			out[k.ApiKey] = [2]int16{k.MinVersion, min(k.MaxVersion, r.MaxVersion())}
		}
	}
	out[int16(kmsg.Produce)] = [2]int16{3, out[int16(kmsg.Produce)][1]} // 0 is advertised for librdkafka alone
	return out
}

func (s *side) connection() (*wire.Conn, error) {
	if s.conn != nil {
		return s.conn, nil
	}
	var err error
	s.conn, err = wire.Dial(s.broker.Addr)
	return s.conn, err
}

func (s *side) drop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// standing are the topics that exist from the start.
var standing = []struct {
	name       string
	partitions int32
	configs    map[string]string
}{
	{"alpha", 3, nil},
	{"beta", 1, map[string]string{"cleanup.policy": "compact"}},
	{"gamma", 1, map[string]string{"max.message.bytes": "2000"}},
	{"delta", 1, map[string]string{"message.timestamp.type": "LogAppendTime"}},
	{"epsilon", 1, map[string]string{"compression.type": "lz4"}},
	{"zeta", 1, map[string]string{"message.timestamp.before.max.ms": "1000"}},
}

func (d *differential) prepare() {
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	for _, s := range []*side{d.theirs, d.ours} {
		for _, topic := range standing {
			if err := wire.CreateTopic(ctx, s.broker.Addr, topic.name, topic.partitions, topic.configs); err != nil {
				d.t.Fatal(err)
			}
		}
	}
	d.settle("prepare")
}

// planned is a request to be: what it is follows from its seed alone.
type planned struct {
	key     int16
	version int16
	seed    uint64
	wrong   func(frame []byte, rnd *rand.Rand) []byte // what spoils its bytes; nil leaves them
}

// plan visits every version of every API about equally often, and the busy APIs three times as much.
func (d *differential) plan() []planned {
	rnd := rand.New(rand.NewPCG(*differentialSeed, 77))
	type at struct{ key, version int16 }
	var all []at
	for _, key := range comparedAPIs {
		if *differentialOnly != "" && kmsg.NameForKey(key) != *differentialOnly {
			continue
		}
		r, ok := d.apis[key]
		if !ok {
			r = [2]int16{0, 0} // not advertised: both must refuse it alike
		}
		if key == int16(kmsg.FindCoordinator) {
			r[0] = 1 // version 0 asks for a group's, for which Kafka creates an internal topic
		}
		for v := r[0]; v <= r[1]; v++ {
			all = append(all, at{key, v})
			if slices.Contains(busyAPIs, key) {
				all = append(all, at{key, v}, at{key, v})
			}
		}
	}
	if len(all) == 0 {
		d.t.Fatalf("no API %q", *differentialOnly)
	}
	var out []planned
	for len(out) < *differentialRequests {
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, a := range all {
			p := planned{key: a.key, version: a.version, seed: rnd.Uint64()}
			if rnd.IntN(10) == 0 {
				p.wrong = spoilers[rnd.IntN(len(spoilers))]
			}
			out = append(out, p)
		}
	}
	return out[:*differentialRequests]
}

// outcome is what a broker did with a request.
type outcome struct {
	what string // "answer", "no answer", "closed"
	tree map[string]string
}

// send sends one request to both brokers and compares what they do.
func (d *differential) send(i int, p planned) {
	d.sent++
	began := time.Now()
	defer func() { d.took[p.key] += time.Since(began) }()
	req := build(p, d.theirs)
	label := fmt.Sprintf("request %d (seed %d): %s v%d", i, *differentialSeed, kmsg.NameForKey(p.key), p.version)
	if p.wrong != nil {
		label += " spoiled"
	}
	answered := make(chan outcome)
	go func() { answered <- d.ours.try(p, build(p, d.ours)) }()
	theirs := d.theirs.try(p, req)
	ours := <-answered
	if theirs.what == "closed" {
		d.closed++
	}
	before := d.diverged
	d.compare(p, label, req, theirs, ours)
	if pr, ok := req.(*kmsg.ProduceRequest); ok && (pr.Acks == 0 && theirs.what == "closed" || recordsMissing(req)) {
		d.diverged++ // no answer says which partitions were appended to
	}
	if d.diverged > before && (p.key == int16(kmsg.Produce) || p.key == int16(kmsg.DeleteRecords)) {
		d.again(req)
	}
	if slices.Contains(changingAPIs, p.key) {
		d.settle(label)
	}
}

func (s *side) try(p planned, req kmsg.Request) outcome {
	c, err := s.connection()
	if err != nil {
		return outcome{what: "no connection: " + err.Error()}
	}
	frame := wire.Frame(req, 0)
	if p.wrong != nil {
		frame = p.wrong(slices.Clone(frame), rand.New(rand.NewPCG(p.seed, 5)))
		return s.trySpoiled(frame, req)
	}
	if pr, ok := req.(*kmsg.ProduceRequest); ok && pr.Acks == 0 {
		return s.tryNoAnswer(c, frame)
	}
	if err := c.SendFrame(frame); err != nil {
		s.drop()
		return outcome{what: "closed"}
	}
	c.Timeout = 15 * time.Second
	if recordsMissing(req) {
		c.Timeout = 2 * time.Second // Kafka doesn't answer
	}
	return s.receive(c, req)
}

// recordsMissing says whether the request is a produce request with null records.
func recordsMissing(req kmsg.Request) bool {
	pr, ok := req.(*kmsg.ProduceRequest)
	if !ok {
		return false
	}
	for _, t := range pr.Topics {
		for _, p := range t.Partitions {
			if p.Records == nil {
				return true
			}
		}
	}
	return false
}

func (s *side) receive(c *wire.Conn, req kmsg.Request) outcome {
	frame, err := c.ReceiveFrame()
	if err != nil {
		s.drop()
		return outcome{what: ended(err)}
	}
	resp, err := wire.Decode(req, frame)
	if err != nil {
		s.drop()
		return outcome{what: "an answer that can't be read: " + err.Error()}
	}
	return outcome{what: "answer", tree: s.flatten(req, resp)}
}

// ended says how a connection ended; both ways of closing one are alike.
func ended(err error) string {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "closed"
	}
	return err.Error()
}

// tryNoAnswer sends a produce request with acks=0, which is answered only by closing the connection,
// and another request behind it to see which it was.
func (s *side) tryNoAnswer(c *wire.Conn, frame []byte) outcome {
	if err := c.SendBytes(frame); err != nil {
		s.drop()
		return outcome{what: "closed"}
	}
	s.drop() // its correlation ids no longer fit
	fence := kmsg.NewPtrApiVersionsRequest()
	if _, err := c.Write(wire.Frame(fence, 7)); err != nil {
		c.Close()
		return outcome{what: "closed"}
	}
	defer c.Close()
	var head [8]byte
	if err := c.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return outcome{what: err.Error()}
	}
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return outcome{what: ended(err)}
	}
	if id := binary.BigEndian.Uint32(head[4:]); id != 7 {
		return outcome{what: fmt.Sprintf("an answer with correlation id %d", id)}
	}
	return outcome{what: "no answer"}
}

// trySpoiled sends bytes that may not be a request at all, on a connection of their own.
func (s *side) trySpoiled(frame []byte, req kmsg.Request) outcome {
	c, err := wire.Dial(s.broker.Addr)
	if err != nil {
		return outcome{what: "no connection: " + err.Error()}
	}
	defer c.Close()
	c.Timeout = 2 * time.Second
	if err := c.SendBytes(frame); err != nil {
		return outcome{what: "closed"}
	}
	answer, err := c.ReceiveFrame()
	if err != nil {
		return outcome{what: ended(err)}
	}
	resp, err := wire.Decode(req, answer)
	if err != nil {
		// An answer at another version than asked for, as ApiVersions gives: its first code decides.
		return outcome{what: fmt.Sprintf("an answer that begins with %x", answer[4:min(len(answer), 6)])}
	}
	return outcome{what: "answer", tree: s.flatten(req, resp)}
}

// compare records each difference of two outcomes.
func (d *differential) compare(p planned, label string, req kmsg.Request, theirs, ours outcome) {
	api := kmsg.NameForKey(p.key)
	if theirs.what != ours.what {
		d.differ(api, p.version, p.wrong != nil, "", theirs.what, ours.what, label, req)
		return
	}
	paths := map[string]bool{}
	for k := range theirs.tree {
		paths[k] = true
	}
	for k := range ours.tree {
		paths[k] = true
	}
	inTheirs, inOurs := prefixes(theirs.tree), prefixes(ours.tree)
	seen := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		a, okA := theirs.tree[path]
		b, okB := ours.tree[path]
		// What is missing on one side is one difference, whatever is inside it on the other.
		if !okA {
			path, a, b = missingPart(path, inTheirs), "absent", "present"
		} else if !okB {
			path, a, b = missingPart(path, inOurs), "present", "absent"
		}
		if a != b && !beneathFailure(theirs.tree, ours.tree, path) && !seen[path+a] {
			seen[path+a] = true
			d.differ(api, p.version, p.wrong != nil, path, a, b, label, req)
		}
	}
}

// beneathFailure tells of a field beside or below an ErrorCode of -1, Kafka's word for an exception, where the broker
// under test says something else: that code is the difference, and what stands beside it follows from it.
func beneathFailure(theirs, ours map[string]string, path string) bool {
	if strings.HasSuffix(path, ".ErrorCode") {
		return false
	}
	for i := len(path); i >= 0; i = strings.LastIndexByte(path[:i], '.') {
		code := path[:i] + ".ErrorCode"
		if theirs[code] == "-1" && ours[code] != "-1" {
			return true
		}
	}
	return false
}

// prefixes returns the paths of a tree and of all their parents.
func prefixes(tree map[string]string) map[string]bool {
	out := map[string]bool{}
	for path := range tree {
		for i := len(path); i > 0; i = strings.LastIndexByte(path[:i], '.') {
			out[path[:i]] = true
		}
	}
	return out
}

// missingPart returns the shortest parent of path, or path itself, that is not in the tree.
func missingPart(path string, in map[string]bool) string {
	for i := 1; i < len(path); i++ {
		if path[i] == '.' && !in[path[:i]] {
			return path[:i]
		}
	}
	return path
}

// instances are the parts of a path that name one topic, partition or resource of many.
var instances = regexp.MustCompile(`\.(Topics|Partitions|Resources|ApiKeys|Configs)\.(?:[A-Z]+/)?[^.]*(?:\.\.[^.]*|-\d+)?`)

func (d *differential) differ(api string, version int16, spoiled bool, path, theirs, ours, label string, req kmsg.Request) {
	c := contrast{api: api, version: version, spoiled: spoiled, path: path, theirs: theirs, ours: ours}
	short := indexes.ReplaceAllString(path, "[]")
	if api != "DescribeConfigs" {
		short = instances.ReplaceAllString(short, ".$1.*")
	}
	id := fmt.Sprintf("%s%s: Kafka %.80s, ours %.80s", api, short, theirs, ours)
	if spoiled {
		id = "spoiled " + id
	}
	f := d.found[id]
	if f == nil {
		f = &difference{reason: acceptedReason(c), first: label}
		if req != nil {
			if text, err := json.Marshal(req); err == nil {
				f.first += " " + string(text[:min(len(text), 600)])
			}
		}
		d.found[id] = f
	}
	f.count++
	taken := strings.HasSuffix(path, ".ErrorCode") && (theirs == "0") != (ours == "0")
	if taken || (path == "" && theirs != "no answer") {
		d.diverged++
	}
}

// again makes the topics of a request anew on both sides, so that logs that came to differ do not
// make every later answer differ.
func (d *differential) again(req kmsg.Request) {
	var named []string
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		for _, t := range req.Topics {
			named = append(named, t.Topic, d.theirs.names[t.TopicID])
		}
	case *kmsg.DeleteRecordsRequest:
		for _, t := range req.Topics {
			named = append(named, t.Topic)
		}
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), 10*time.Second)
	defer cancel()
	slices.Sort(named)
	named = slices.Compact(named)
	both := []*side{d.theirs, d.ours}
	for _, name := range named {
		for _, s := range both {
			if _, known := s.ids[name]; known {
				_ = wire.DeleteTopic(ctx, s.broker.Addr, name) // it may not exist any more
			}
		}
	}
	d.settle("deleting topics")
	for _, topic := range standing {
		if !slices.Contains(named, topic.name) {
			continue
		}
		for _, s := range both {
			if err := wire.CreateTopic(ctx, s.broker.Addr, topic.name, topic.partitions, topic.configs); err != nil {
				d.t.Logf("%s, %s made anew after %s v%d: %v", s.name, topic.name, kmsg.NameForKey(req.Key()), req.GetVersion(), err)
			}
		}
	}
	d.settle("making topics anew")
}

// settle waits until both brokers show the same topics, partitions and configs: a broker of Kafka
// learns what its controller has decided a moment later. What is still different after three seconds
// is a difference of effects.
func (d *differential) settle(label string) {
	deadline := time.Now().Add(3 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		theirs, err1 := d.theirs.effects()
		ours, err2 := d.ours.effects()
		if err := errors.Join(err1, err2); err != nil {
			d.t.Fatalf("%s: %v", label, err)
		}
		if d.sameButKnown(theirs, ours) {
			return
		}
		if time.Now().After(deadline) {
			d.known = [2]map[string]string{theirs, ours} // reported once, not after every request from here on
			d.compare(planned{key: int16(kmsg.Metadata), version: 12}, "effects of "+label, nil,
				outcome{what: "answer", tree: theirs}, outcome{what: "answer", tree: ours})
			return
		}
		<-tick.C
	}
}

// sameButKnown says whether the effects are the same, but for differences that were reported.
func (d *differential) sameButKnown(theirs, ours map[string]string) bool {
	same := func(a, b map[string]string) bool {
		for k, v := range a {
			was, now := d.known[0][k] != d.known[1][k], b[k] != v
			if now && !was {
				return false
			}
		}
		return true
	}
	return same(theirs, ours) && same(ours, theirs)
}

// effects returns what the broker has: topics with their partitions and the configs set on them.
func (s *side) effects() (map[string]string, error) {
	c, err := s.connection()
	if err != nil {
		return nil, err
	}
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(12)
	resp, err := c.Do(req)
	if err != nil {
		s.drop()
		return nil, err
	}
	meta := resp.(*kmsg.MetadataResponse)
	describe := kmsg.NewPtrDescribeConfigsRequest()
	describe.SetVersion(4)
	out := map[string]string{}
	for _, t := range meta.Topics {
		s.ids[*t.Topic], s.names[t.TopicID] = t.TopicID, *t.Topic
		out["effect."+*t.Topic+".Partitions"] = fmt.Sprint(len(t.Partitions))
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, *t.Topic
		describe.Resources = append(describe.Resources, r)
	}
	if len(describe.Resources) == 0 {
		return out, nil
	}
	resp, err = c.Do(describe)
	if err != nil {
		s.drop()
		return nil, err
	}
	for _, r := range resp.(*kmsg.DescribeConfigsResponse).Resources {
		for _, kv := range r.Configs {
			if kv.Source == kmsg.ConfigSourceDynamicTopicConfig && kv.Value != nil {
				out["effect."+r.ResourceName+"."+kv.Name] = *kv.Value
			}
		}
	}
	return out, nil
}

// compareLogs compares every partition's offsets and stored batches at the end.
func (d *differential) compareLogs() {
	theirs, err1 := d.theirs.logs(d.t)
	ours, err2 := d.ours.logs(d.t)
	if err := errors.Join(err1, err2); err != nil {
		d.t.Fatal(err)
	}
	d.compare(planned{key: int16(kmsg.Fetch), version: 11}, "logs at the end", nil,
		outcome{what: "answer", tree: theirs}, outcome{what: "answer", tree: ours})
	d.t.Logf("logs: %d facts compared", len(theirs))
}

// logs reads all topics whole.
func (s *side) logs(t *testing.T) (map[string]string, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(12)
	c, err := wire.Dial(s.broker.Addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, topic := range resp.(*kmsg.MetadataResponse).Topics {
		n := int32(len(topic.Partitions))
		name := *topic.Topic
		starts, err1 := wire.Offsets(t.Context(), s.broker.Addr, name, n, -2)
		ends, err2 := wire.EndOffsets(t.Context(), s.broker.Addr, name, n)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		for p := range n {
			at := fmt.Sprintf("log.%s-%d", name, p)
			out[at] = fmt.Sprintf("%d to %d", starts[p], ends[p])
			if err := s.batches(c, name, p, starts[p], ends[p], at, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (s *side) batches(c *wire.Conn, topic string, p int32, next, end int64, at string, out map[string]string) error {
	for next < end {
		resp, err := c.Do(wire.FetchRequest(11, topic, map[int32]int64{p: next}, 100, 1, 1<<20))
		if err != nil {
			return err
		}
		part := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
			return fmt.Errorf("read %s at %d: %w", at, next, err)
		}
		before := next
		for data := part.RecordBatches; ; {
			b, rest, err := wire.Next(data)
			if err != nil {
				return fmt.Errorf("read %s at %d: %w", at, next, err)
			}
			if b == nil {
				break
			}
			data, next = rest, b.LastOffset+1
			out[fmt.Sprintf("%s@%d", at, b.FirstOffset)] = batchFacts(b)
		}
		if next == before {
			return fmt.Errorf("%s: no batch at %d", at, next)
		}
	}
	return nil
}

// batchFacts describes a stored batch. Bytes the broker has written anew (another codec, its own
// time) are compared by what they say, the others to the byte, but for the leader epoch.
func batchFacts(b *wire.Stored) string {
	crc := fmt.Sprintf("%08x", binary.BigEndian.Uint32(b.Bytes[17:]))
	attributes := binary.BigEndian.Uint16(b.Bytes[21:])
	if attributes&8 != 0 {
		crc = "append time"
	}
	return fmt.Sprintf("to %d, %d records, attributes %d, producer %d, crc %s", b.LastOffset, b.Records, attributes, b.ProducerID, crc)
}

func (d *differential) report() {
	accepted, bad := 0, 0
	reasons := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(d.found)) {
		f := d.found[id]
		if f.reason != "" {
			accepted++
			reasons[f.reason] += f.count
			continue
		}
		bad++
		if bad <= 200 {
			d.t.Errorf("%d x %s\n  first: %s", f.count, id, f.first)
		}
	}
	d.t.Logf("%d requests sent to each, %d of them answered by closing the connection; %d kinds of differences accepted, %d not",
		d.sent, d.closed, accepted, bad)
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		d.t.Logf("accepted %d times: %s", reasons[reason], reason)
	}
	for _, key := range slices.Sorted(maps.Keys(d.took)) {
		if d.took[key] > 10*time.Second {
			d.t.Logf("%s took %.0f s", kmsg.NameForKey(key), d.took[key].Seconds())
		}
	}
	if d.sent < d.least && *differentialOnly == "" {
		d.t.Errorf("only %d requests", d.sent)
	}
	if bad > 0 && strings.EqualFold(os.Getenv("INTEROP_KEEP"), "true") {
		d.t.Log("Kafka's log:", d.theirs.broker.LogFile(), "ours:", d.ours.broker.LogFile())
	}
}
