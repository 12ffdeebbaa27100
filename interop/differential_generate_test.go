//go:build differential

package interop

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

func keysOf(ks ...kmsg.Key) []int16 {
	var out []int16
	for _, k := range ks {
		out = append(out, int16(k))
	}
	return out
}

// comparedAPIs are those a single node without groups and transactions serves.
var (
	comparedAPIs = keysOf(
		kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata, kmsg.FindCoordinator, kmsg.ApiVersions, kmsg.CreateTopics,
		kmsg.DeleteTopics, kmsg.DeleteRecords, kmsg.InitProducerID, kmsg.OffsetForLeaderEpoch, kmsg.DescribeACLs,
		kmsg.CreateACLs, kmsg.DeleteACLs, kmsg.DescribeConfigs, kmsg.AlterConfigs, kmsg.AlterReplicaLogDirs,
		kmsg.DescribeLogDirs, kmsg.CreatePartitions, kmsg.ElectLeaders, kmsg.IncrementalAlterConfigs,
		kmsg.AlterPartitionAssignments, kmsg.ListPartitionReassignments, kmsg.DescribeQuorum, kmsg.UpdateFeatures,
		kmsg.DescribeCluster, kmsg.DescribeProducers, kmsg.GetTelemetrySubscriptions, kmsg.PushTelemetry,
		kmsg.ListConfigResources, kmsg.DescribeTopicPartitions,
	)
	busyAPIs = keysOf(kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.CreateTopics, kmsg.IncrementalAlterConfigs,
		kmsg.CreatePartitions, kmsg.DeleteRecords)
	changingAPIs = keysOf(kmsg.Metadata, kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.CreatePartitions, kmsg.AlterConfigs,
		kmsg.IncrementalAlterConfigs)
)

// build makes the request that was planned. Both brokers get the same, but for topic ids and paths.
func build(p planned, s *side) kmsg.Request {
	req := kmsg.RequestForKey(p.key)
	req.SetVersion(p.version)
	g := &generator{rnd: rand.New(rand.NewPCG(p.seed, 1)), s: s, version: p.version, key: p.key, api: kmsg.NameForKey(p.key)}
	if d, ok := req.(interface{ Default() }); ok {
		d.Default()
	}
	g.fill(reflect.ValueOf(req).Elem(), "")
	mend(req)
	return req
}

// mend takes out what would only show what the same few oddities do again and again.
func mend(req kmsg.Request) {
	switch req := req.(type) {
	case *kmsg.FetchRequest:
		// kmsg writes these tags at any version; before their own one Kafka closes the connection, while
		// we pass over tags that a version does not know.
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				p := &req.Topics[i].Partitions[j]
				if req.Version < 17 {
					p.ReplicaDirectoryID = [16]byte{}
				}
				if req.Version < 18 {
					p.HighWatermark = math.MaxInt64
				}
			}
		}
		if req.Version < 15 {
			req.ReplicaState = kmsg.NewFetchRequestReplicaState()
		}
	case *kmsg.MetadataRequest:
		// Names before version 12; from then on a name or an id, never both.
		for i := range req.Topics {
			t := &req.Topics[i]
			if req.Version < 12 || (t.Topic != nil && i%2 == 0) {
				t.TopicID = [16]byte{}
			} else if t.TopicID != [16]byte{} {
				t.Topic = nil
			}
		}
	}
}

// generator fills requests: what a field gets is decided by its name. It draws the same numbers
// whichever broker the request is for.
type generator struct {
	rnd     *rand.Rand
	s       *side
	api     string
	key     int16
	version int16
}

func pick[T any](g *generator, from ...T) T { return from[g.rnd.IntN(len(from))] }

// mostly returns usual four times out of five.
func mostly[T any](g *generator, usual T, others ...T) T {
	n := g.rnd.IntN(5 * len(others))
	if n < len(others) {
		return others[n]
	}
	return usual
}

func (g *generator) fill(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Struct:
		if d, ok := v.Addr().Interface().(interface{ Default() }); ok && name != "" {
			d.Default()
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && f.Name != "Version" && f.Name != "UnknownTags" {
				g.fill(v.Field(i), f.Name)
			}
		}
	case reflect.Pointer:
		if g.rnd.IntN(8) == 0 || name == "TransactionalID" || name == "TransactionID" || name == "Cursor" || name == "ReplicaState" {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		g.fill(v.Elem(), name)
	case reflect.Slice:
		g.slice(v, name)
	case reflect.Array:
		id := g.topicID()
		reflect.Copy(v, reflect.ValueOf(id))
	case reflect.String:
		v.SetString(g.text(name))
	case reflect.Bool:
		v.SetBool(g.rnd.IntN(2) == 0)
	case reflect.Float64:
		v.SetFloat(float64(g.rnd.IntN(100)))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n, ok := g.number(name); ok {
			v.SetInt(n)
		}
	}
}

func (g *generator) slice(v reflect.Value, name string) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if name == "Records" {
			v.SetBytes(g.batch())
		} else {
			v.SetBytes([]byte{1, 2, 3})
		}
		return
	}
	n := mostly(g, 1, 0, 2, 3)
	if name == "ReplicaAssignment" || name == "Assignment" || name == "ForgottenTopics" {
		n = mostly(g, 0, 1, 2)
	}
	if n == 0 && name == "Partitions" && slices.Contains(onceEach, kmsg.Key(g.key)) {
		n = 1 // a topic without partitions is left out of some of Kafka's answers, and is in ours
	}
	if n == 0 && g.rnd.IntN(2) == 0 {
		return // null, or empty where there is no null
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		g.fill(v.Index(i), singular(name))
	}
	if slices.Contains(onceEach, kmsg.Key(g.key)) {
		v.Set(g.withoutTwins(v))
	}
}

// onceEach are the APIs whose requests name a topic or partition once: of one that is named twice
// Kafka keeps one, which depends on its hash tables, where we answer each.
var onceEach = []kmsg.Key{
	kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.DeleteRecords, kmsg.ElectLeaders, kmsg.AlterReplicaLogDirs, kmsg.Metadata,
	kmsg.OffsetForLeaderEpoch, kmsg.DescribeLogDirs,
}

// withoutTwins drops the elements that name the same as one before them.
func (g *generator) withoutTwins(v reflect.Value) reflect.Value {
	fields := []string{"Topic", "Partition"}
	if (g.key == int16(kmsg.Produce) || g.key == int16(kmsg.Fetch)) && g.version >= 13 {
		fields[0] = "TopicID"
	}
	out := v.Slice(0, 0)
	seen := map[string]bool{}
	for i := range v.Len() {
		name := ""
		switch e := v.Index(i); e.Kind() {
		case reflect.Struct:
			for _, field := range fields {
				f := e.FieldByName(field)
				if f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() {
					f = f.Elem()
				}
				if f.IsValid() {
					name += fmt.Sprint(f.Interface()) + "/"
				}
			}
		default:
			name = fmt.Sprint(e.Interface())
		}
		if !seen[name] {
			seen[name] = true
			out = reflect.Append(out, v.Index(i))
		}
	}
	return out
}

// singular names the elements of a list of plain values: Partitions holds numbers of partitions.
func singular(name string) string { return strings.TrimSuffix(name, "s") }

var (
	topicNames = []string{
		"alpha", "alpha", "alpha", "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "t-0", "t-1", "t-2", "t-3", "t-4", "t-5",
	}
	strangeNames = []string{"missing", "", "bad/name", "..", ".", "sp ace", "ünïcode", strings.Repeat("x", 249), strings.Repeat("x", 250), "a.b", "a_b", "__x"}
	newNames     = []string{"t-0", "t-1", "t-2", "t-3", "t-4", "t-5", "t-6", "t-7", "t-8", "t-9", "alpha"}
)

func (g *generator) topic() string {
	if g.api == "CreateTopics" || g.api == "DeleteTopics" {
		return mostly(g, pick(g, newNames[:10]...), append(strangeNames, "alpha")...)
	}
	return mostly(g, pick(g, topicNames...), strangeNames...)
}

func (g *generator) topicID() [16]byte {
	// The name decides: topics that exist on both sides have ids on both.
	name := pick(g, topicNames...)
	if g.api == "DeleteTopics" {
		name = pick(g, "t-0", "t-1", "t-2")
	}
	switch g.rnd.IntN(8) {
	case 0:
		return [16]byte{}
	case 1:
		return [16]byte{0xde, 0xad, 0xbe, 0xef, 1}
	}
	if id, ok := g.s.ids[name]; ok {
		return id
	}
	return [16]byte{0xde, 0xad, 0xbe, 0xef, 2}
}

func (g *generator) text(name string) string {
	switch name {
	case "Topic":
		return g.topic()
	case "ResourceName":
		return mostly(g, g.topic(), "1", "", "2", "kafka.Kafka", "client-x")
	case "ConfigName", "Name":
		return mostly(g, pick(g, configNames...), "unknown.key", "", "retention.m s")
	case "Value":
		return pick(g, configValues...)
	case "Dir":
		return mostly(g, g.s.broker.DataDir, "/nowhere", "")
	case "Feature":
		return mostly(g, "metadata.version", "unknown.feature", "")
	case "Principal":
		return pick(g, "User:alice", "alice", "")
	case "ClientSoftwareName", "ClientSoftwareVersion":
		return mostly(g, "client-1.0", "", "bad name", "-x")
	case "ClusterID":
		return "other"
	}
	return pick(g, "", "x", "*")
}

var (
	configNames = []string{
		"retention.ms", "retention.bytes", "cleanup.policy", "max.message.bytes", "min.insync.replicas", "compression.type",
		"segment.bytes", "segment.ms", "flush.messages", "message.timestamp.type", "min.cleanable.dirty.ratio",
		"index.interval.bytes", "preallocate", "unclean.leader.election.enable", "file.delete.delay.ms", "delete.retention.ms",
		"leader.replication.throttled.replicas",
	}
	configValues = []string{
		"86400000", "86400000", "1048576", "1048576", "delete", "compact", "compact,delete", "", "abc", "-1", "0", "1", "2", "0.5",
		"lz4", "zstd", "producer", "uncompressed", "true", "false", "CreateTime", "LogAppendTime", "99999999999999999999", " 7 ", "1e3",
	}
)

// number returns a field's number; false leaves its default.
func (g *generator) number(name string) (int64, bool) {
	of := func(usual int64, others ...int64) (int64, bool) { return mostly(g, usual, others...), true }
	switch name {
	case "Partition":
		return of(0, 0, 1, 2, 3, 7, -1, 1<<31-1)
	case "NumPartitions":
		return of(1, 2, 3, 0, -1, -2, 5)
	case "Count":
		return of(int64(1+g.rnd.IntN(6)), 0, -1, 3)
	case "ReplicationFactor":
		return of(1, -1, 0, 2, -2, 32767)
	case "Replica":
		return of(1, 2, 1, -1)
	case "Acks":
		return of(-1, 1, 1, 0, 2, -2)
	case "TimeoutMillis":
		return 10_000, true
	case "MaxWaitMillis":
		return of(0, 20, -1)
	case "MinBytes":
		return of(1, 0, 1_000_000, -1)
	case "MaxBytes":
		return of(1<<20, 1<<20, 1, 0, 200, -1)
	case "PartitionMaxBytes":
		return of(1<<20, 1<<20, 1, 0, 500, -1)
	case "IsolationLevel":
		return of(0, 1)
	case "SessionEpoch":
		return of(-1, 0, 3)
	case "SessionID":
		return of(0, 12345)
	case "ReplicaID":
		return of(-1, -1, -2)
	case "CurrentLeaderEpoch", "LastFetchedEpoch":
		return of(-1, -1, 100, -2)
	case "LeaderEpoch":
		return of(0, 0, 1, -1, 100)
	case "FetchOffset", "Offset":
		return of(int64(g.rnd.IntN(20)), 0, -1, 1, 1<<40, -2)
	case "LogStartOffset":
		return -1, true
	case "Timestamp":
		return of(batchTime+int64(g.rnd.IntN(100))*10, -1, -2, -3, -4, -5, -6, -7, 0, 1<<60)
	case "MaxNumOffsets":
		return 1, true
	case "ResourceType":
		if g.api == "DescribeConfigs" || g.api == "AlterConfigs" || g.api == "IncrementalAlterConfigs" {
			return of(2, 2, 4, 8, 16, 32, 0, 1, 99, -1)
		}
		return of(2, 1, 3, 0, 99)
	case "Op":
		return of(0, 1, 2, 3, 4, -1)
	case "ConfigResourceType":
		return of(2, 4, 8, 16, 32, 0, 99)
	case "CoordinatorType":
		return pick[int64](g, 3, -1, 99), true // valid ones would create internal topics
	case "MaxVersionLevel":
		return of(33, 34, 0, -1, 2)
	case "UpgradeType":
		return of(1, 2, 3, 0, 9)
	case "ElectionType":
		return of(0, 1, 5, -1)
	case "EndpointType":
		return of(1, 2, 0, 9)
	case "ResponsePartitionLimit":
		return of(2000, 1, 2, 0, -1)
	case "TransactionTimeoutMillis":
		return of(60_000, 0, -1)
	case "ProducerID", "ProducerEpoch":
		return of(-1, -1, 5)
	case "Operation", "PermissionType", "ResourcePatternType":
		return of(3, 1, 2, 0, 99)
	}
	return 0, false
}

// batchTime is the timestamp of all generated batches; one that is near enough for every limit.
var batchTime = time.Now().UnixMilli() / 1000 * 1000

// batch makes the records field of a produce request: mostly a good batch, else one of many bad ones.
func (g *generator) batch() []byte {
	b := g.goodBatch()
	at := func(f func([]byte)) []byte {
		p := b.Encode()
		f(p)
		wire.SetCRC(p)
		return p
	}
	switch g.rnd.IntN(40) {
	case 0:
		p := b.Encode()
		p[len(p)-1] ^= 1 // wrong checksum
		return p
	case 1:
		return at(func(p []byte) { p[16] = 1 }) // magic
	case 2:
		return at(func(p []byte) { p[16] = 3 })
	case 3:
		return at(func(p []byte) { binary.BigEndian.PutUint32(p[57:], 1000) }) // record count
	case 4:
		return at(func(p []byte) { binary.BigEndian.PutUint32(p[23:], 1000) }) // last offset delta
	case 5:
		return at(func(p []byte) { p[22] |= 0x20 }) // control batch
	case 6:
		return at(func(p []byte) { p[22] |= 0x10 }) // transactional
	case 7:
		return at(func(p []byte) { p[22] = p[22]&^7 | 5 + byte(g.rnd.IntN(3)) }) // codecs that don't exist
	case 8:
		return at(func(p []byte) { p[22] = p[22]&^7 | 1 + byte(g.rnd.IntN(4)) }) // another codec than the bytes
	case 9:
		return []byte{}
	case 10:
		return nil
	case 11:
		return append(b.Encode(), g.goodBatch().Encode()...) // two batches
	case 12:
		p := b.Encode()
		return p[:len(p)-3]
	case 13:
		return append(b.Encode(), 1, 2, 3)
	case 14:
		return at(func(p []byte) { binary.BigEndian.PutUint64(p[27:], 1<<62) }) // base timestamp far ahead
	case 15:
		b.Timestamp = batchTime - 400*24*3600*1000
		return b.Encode()
	case 16:
		b.Timestamp = batchTime + 2*24*3600*1000
		return b.Encode()
	case 17:
		b.Records = nil
		return b.Encode()
	case 18:
		return at(func(p []byte) { binary.BigEndian.PutUint64(p, 77) }) // base offset: brokers set it
	case 19:
		b.Attributes = 8 // append time, from a client
		return b.Encode()
	case 20:
		b.ProducerID, b.ProducerEpoch, b.FirstSequence = 900+int64(g.rnd.IntN(2)), int16(g.rnd.IntN(2)), int32(g.rnd.IntN(3))
		return b.Encode()
	case 21, 22:
		b.ProducerID, b.ProducerEpoch, b.FirstSequence = 900, 0, 0
		return b.Encode()
	case 23:
		b.ProducerID, b.ProducerEpoch, b.FirstSequence = 7, -1, 0
		return b.Encode()
	case 24:
		return at(func(p []byte) { p[len(p)-1] = 0x7f }) // inside the last record
	case 25:
		return at(func(p []byte) { binary.BigEndian.PutUint32(p[8:], 10) }) // batch length
	case 26:
		return at(func(p []byte) { binary.BigEndian.PutUint32(p[57:], 0) })
	}
	return b.Encode()
}

func (g *generator) goodBatch() *wire.Batch {
	codec := int8(mostly(g, 0, 1, 2, 3, 4))
	b := wire.Values(codec, batchTime+int64(g.rnd.IntN(100))*10)
	for i := range 1 + g.rnd.IntN(4) {
		r := kmsg.NewRecord()
		r.Value = []byte(strings.Repeat("some text ", 1+g.rnd.IntN(mostly(g, 10, 100, 400))))
		r.TimestampDelta64 = int64(i)
		if g.rnd.IntN(3) > 0 {
			r.Key = []byte{byte('a' + g.rnd.IntN(5))}
		}
		if g.rnd.IntN(4) == 0 {
			r.Headers = []kmsg.Header{{Key: "h", Value: nil}}
		}
		b.Records = append(b.Records, r)
	}
	return b
}

// spoilers make a request's bytes wrong. A frame is a size, a key, a version, a correlation id, and
// so on.
var spoilers = []func([]byte, *rand.Rand) []byte{
	// Cut off within the body, with the size that fits.
	func(p []byte, rnd *rand.Rand) []byte { return resized(p[:max(14, len(p)-1-rnd.IntN(8))]) },
	// More bytes than the message has.
	func(p []byte, _ *rand.Rand) []byte { return resized(append(p, 0, 0, 0)) },
	// A version above and one below all there are.
	func(p []byte, _ *rand.Rand) []byte { binary.BigEndian.PutUint16(p[6:], 99); return p },
	func(p []byte, _ *rand.Rand) []byte { binary.BigEndian.PutUint16(p[6:], 0xffff); return p },
	// Keys that never existed or exist no more.
	func(p []byte, rnd *rand.Rand) []byte {
		binary.BigEndian.PutUint16(p[4:], []uint16{4, 5, 6, 7, 95, 1000, 0xffff}[rnd.IntN(7)])
		return p
	},
	// Sizes that no frame has.
	func(p []byte, _ *rand.Rand) []byte { binary.BigEndian.PutUint32(p, 0xffffffff); return p },
	func(p []byte, _ *rand.Rand) []byte { binary.BigEndian.PutUint32(p, 0x7fffffff); return p },
	func(p []byte, _ *rand.Rand) []byte { binary.BigEndian.PutUint32(p, 0); return p[:4] },
	func(p []byte, _ *rand.Rand) []byte { return resized(p[:7]) },
	// A client id that is longer than the frame.
	func(p []byte, _ *rand.Rand) []byte { binary.BigEndian.PutUint16(p[12:], 0x7ff0); return p },
}

func resized(p []byte) []byte {
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}
