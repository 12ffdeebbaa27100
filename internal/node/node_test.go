package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/replica"
	"github.com/travisjeffery/jocko/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit bounds everything that these tests wait for.
const limit = 30 * time.Second

// running is a node that serves.
type running struct {
	*Node
	stop func() error // stops it, once, and returns what Run returned
}

// run starts a node on a port of the system's choice.
func run(t testing.TB, env Env, overrides config.Map) *running {
	t.Helper()
	n, ended, stop := launch(t, env, overrides)
	select {
	case <-n.Ready():
	case err := <-ended:
		t.Fatalf("the node ended at once: %v", err)
	case <-time.After(limit):
		t.Fatal("the node does not get ready")
	}
	return &running{n, stop}
}

// launch starts a node that may fail to start; what Run returns comes by ended.
func launch(t testing.TB, env Env, overrides config.Map) (n *Node, ended <-chan error, stop func() error) {
	t.Helper()
	if env.FS == nil {
		env.FS = vfs.NewVolatile()
	}
	if env.Logger == nil {
		env.Logger = slog.New(slog.DiscardHandler)
	}
	cfg := config.Map{"listeners": "PLAINTEXT://127.0.0.1:0", "admin.listener": "", "log.dirs": "/data"}
	maps.Copy(cfg, overrides)
	var err error
	if n, err = New(cfg, env); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2) // one for who looks at ended, one for stop
	go func() {
		err := n.Run(ctx)
		done <- err
		done <- err
	}()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(limit):
			return errors.New("the node does not stop")
		}
	})
	t.Cleanup(func() { stop() })
	return n, done, stop
}

func client(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation(), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// produce writes the records from to, exclusive, one batch each.
func produce(t testing.TB, cl *kgo.Client, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := cl.ProduceSync(within(t), &kgo.Record{Topic: topic, Value: fmt.Append(nil, "v", i)}).FirstErr(); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

// consume wants the records 0 to n.
func consume(t testing.TB, addr, topic string, n int) {
	t.Helper()
	cl := client(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	ctx := within(t)
	for got := 0; got < n; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fs.RecordsAll() {
			if want := fmt.Sprint("v", got); string(r.Value) != want || r.Offset != int64(got) {
				t.Fatalf("record %d is %q at offset %d", got, r.Value, r.Offset)
			}
			got++
		}
	}
}

// TestEachListenerTellsItsOwnAddress has two listeners; a client must be sent to
// the one it came by.
func TestEachListenerTellsItsOwnAddress(t *testing.T) {
	var mu sync.Mutex
	var bound []string
	listen := func(network, addr string) (net.Listener, error) {
		l, err := net.Listen(network, addr)
		if err == nil {
			mu.Lock()
			bound = append(bound, l.Addr().String())
			mu.Unlock()
		}
		return l, err
	}
	run(t, Env{Listen: listen}, config.Map{
		"listeners":                      "INSIDE://127.0.0.1:0,OUTSIDE://localhost:0,TOLD://127.0.0.1:0",
		"advertised.listeners":           "INSIDE://127.0.0.1:0,OUTSIDE://localhost:0,TOLD://broker.example:9999",
		"listener.security.protocol.map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,TOLD:PLAINTEXT",
		"inter.broker.listener.name":     "INSIDE",
	})
	if len(bound) != 3 {
		t.Fatalf("bound: %v", bound)
	}
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	for addr, want := range map[string]string{
		bound[0]: "127.0.0.1:" + port(bound[0]),
		bound[1]: "localhost:" + port(bound[1]),
		bound[2]: "broker.example:9999",
	} {
		m, err := kadm.NewClient(client(t, addr)).BrokerMetadata(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s:%d", m.Brokers[0].Host, m.Brokers[0].Port); len(m.Brokers) != 1 || got != want {
			t.Errorf("by %s: %s, want %s", addr, got, want)
		}
	}
}

// TestAUsedPort starts on a port that is taken: the error names it, and nothing
// stays behind, neither goroutines (TestMain) nor locks.
func TestAUsedPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for key, value := range map[string]string{"listeners": "PLAINTEXT://" + l.Addr().String(), "admin.listener": l.Addr().String()} {
		t.Run(key, func(t *testing.T) {
			fs := vfs.NewVolatile()
			_, ended, _ := launch(t, Env{FS: fs}, config.Map{key: value})
			if err := <-ended; err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "in use") {
				t.Errorf("the error doesn't say which address is in use: %v", err)
			}
			again := run(t, Env{FS: fs}, nil)
			produce(t, client(t, again.Addr()), "t", 0, 1)
		})
	}
}

// TestStopWithRequestsInHand stops a node while a fetch waits for a minute and
// producers write.
func TestStopWithRequestsInHand(t *testing.T) {
	fs := vfs.NewVolatile()
	n := run(t, Env{FS: fs}, nil)
	create(t, n.Addr(), "t")
	cl := client(t, n.Addr(), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))
	produce(t, cl, "t", 0, 10)
	fetched := make(fetchHook, 1)
	consumer := client(t, n.Addr(), kgo.FetchMaxWait(time.Minute), kgo.FetchMinBytes(1<<20), kgo.WithHooks(fetched),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtStart()}}))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { consumer.PollFetches(ctx) })
	p, err := n.replicas.ByName("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	var acked int
	wg.Go(func() {
		for i := 10; cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: fmt.Append(nil, "v", i)}).FirstErr() == nil; i++ {
			acked = i + 1
		}
	})
	<-fetched
	w := replica.NewWatcher()
	p.Watch(w.NewWatch(nil))
	for p.HighWatermark() < 20 {
		<-w.C
		w.Take(nil)
	}
	start := time.Now()
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
	cancel()
	wg.Wait()
	if _, err := fs.Stat("/data/.kafka_cleanshutdown"); err != nil {
		t.Errorf("no mark of a clean stop: %v", err)
	}
	again := run(t, Env{FS: fs}, nil)
	consume(t, again.Addr(), "t", acked)
	if _, err := fs.Stat("/data/.kafka_cleanshutdown"); err == nil {
		t.Error("the mark of a clean stop is there while the node runs")
	}
}

// fetchHook receives when a fetch request was written.
type fetchHook chan struct{}

func (h fetchHook) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if protocol.Key(key) == protocol.Fetch {
		select {
		case h <- struct{}{}:
		default:
		}
	}
}

// TestAfterAKill leaves a node without a word and starts another on what it
// wrote; and, in durable mode, on no more than it synced.
func TestAfterAKill(t *testing.T) {
	for name, test := range map[string]struct {
		policy    vfs.Policy
		overrides config.Map
	}{
		"killed":                  {vfs.Written, nil},
		"power cut, durable mode": {vfs.Synced, config.Map{"log.flush.interval.messages": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewMem()
			n := run(t, Env{FS: disk}, test.overrides)
			produce(t, client(t, n.Addr()), "t", 0, 20)
			left := disk.Crash(test.policy, 1)
			again := run(t, Env{FS: left}, test.overrides)
			if again.ClusterID() != n.ClusterID() {
				t.Error("another cluster id after the restart")
			}
			consume(t, again.Addr(), "t", 20)
			produce(t, client(t, again.Addr()), "t", 20, 25)
			consume(t, again.Addr(), "t", 25)
		})
	}
}

// TestAPanicCostsOneConnection has the file system panic under one topic's
// append.
func TestAPanicCostsOneConnection(t *testing.T) {
	fs := vfs.NewFault(vfs.NewVolatile(), func(op vfs.Op) error {
		if op.Kind == vfs.OpWriteAt && strings.Contains(op.Path, "/bad-0/") && strings.HasSuffix(op.Path, ".log") {
			panic("BUG: made by the test")
		}
		return nil
	})
	n := run(t, Env{FS: fs}, config.Map{"admin.listener": "127.0.0.1:0"})
	good := client(t, n.Addr())
	produce(t, good, "t", 0, 3)
	create(t, n.Addr(), "bad")
	bad := client(t, n.Addr(), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.RecordRetries(0))
	if err := bad.ProduceSync(within(t), &kgo.Record{Topic: "bad", Value: []byte("v")}).FirstErr(); err == nil {
		t.Error("the append that panicked was acknowledged")
	}
	produce(t, good, "t", 3, 6)
	consume(t, n.Addr(), "t", 6)
	if m := get(t, n, "/metrics"); !strings.Contains(m, "jocko_handler_panics_total 1") {
		t.Error("the panic isn't counted once")
	}
}

// create creates a topic for a client that doesn't ask a second time.
func create(t *testing.T, addr, topic string) {
	t.Helper()
	if _, err := kadm.NewClient(client(t, addr)).CreateTopic(within(t), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, n *running, path string) string {
	t.Helper()
	rq, err := http.NewRequestWithContext(within(t), http.MethodGet, "http://"+n.AdminAddr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	rq.Close = true
	rsp, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	if err != nil || rsp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", path, rsp.Status, err, body)
	}
	return string(body)
}

// TestMetrics wants every metric that the documentation promises, by name, after
// a little work.
func TestMetrics(t *testing.T) {
	n := run(t, Env{}, config.Map{"admin.listener": "127.0.0.1:0", "log.flush.interval.messages": "1"})
	produce(t, client(t, n.Addr()), "t", 0, 5)
	consume(t, n.Addr(), "t", 5)
	kadm.NewClient(client(t, n.Addr())).DeleteTopics(within(t), "no-such-topic") // its errors are counted
	m := get(t, n, "/metrics")
	for _, want := range []string{
		`jocko_request_duration_seconds_count{api="Produce"}`, `jocko_request_duration_seconds_bucket{api="Fetch"`,
		`jocko_request_errors_total{api="DeleteTopics",error="UNKNOWN_TOPIC_OR_PARTITION"}`,
		`jocko_topic_bytes_in_total{topic="t"}`, `jocko_topic_bytes_out_total{topic="t"}`, `jocko_topic_messages_in_total{topic="t"} 5`,
		`jocko_log_size_bytes{`, `jocko_log_segments{`, `jocko_log_start_offset{`, `jocko_log_end_offset{`,
		"jocko_log_flush_seconds_total ", "jocko_log_flushes_total ", "jocko_connections{", "jocko_connections_accepted_total",
		`jocko_purgatory_size{`, "jocko_network_bytes_in_total", "jocko_network_bytes_out_total", "jocko_request_bytes_in_flight",
		"jocko_log_dir_offline", "jocko_fetch_sessions", "jocko_handler_panics_total 0", "jocko_build_info",
		"go_goroutines", "go_gc_duration_seconds", "process_open_fds",
	} {
		if !strings.Contains(m, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	if strings.Contains(m, "jocko_log_flush_seconds_total 0\n") {
		t.Error("flushes take no time")
	}
	if got := get(t, n, "/healthz"); strings.TrimSpace(got) != "ok" {
		t.Errorf("/healthz: %q", got)
	}
	get(t, n, "/readyz")
}

// TestReadinessFollowsTheLogDirs: a broker whose last log dir failed stays up and
// isn't ready.
func TestReadinessFollowsTheLogDirs(t *testing.T) {
	var mu sync.Mutex
	var broken bool
	fs := vfs.NewFault(vfs.NewVolatile(), func(op vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if broken && strings.Contains(op.Path, "/t-0/") && op.Kind == vfs.OpWriteAt {
			return errors.New("input/output error")
		}
		return nil
	})
	n := run(t, Env{FS: fs}, config.Map{"admin.listener": "127.0.0.1:0"})
	create(t, n.Addr(), "t")
	cl := client(t, n.Addr(), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.RecordRetries(0))
	produce(t, cl, "t", 0, 1)
	mu.Lock()
	broken = true
	mu.Unlock()
	err := cl.ProduceSync(within(t), &kgo.Record{Topic: "t", Value: []byte("v1")}).FirstErr()
	if !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("produce on a broken disk: %v", err)
	}
	rsp, err := http.Get("http://" + n.AdminAddr() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	rsp.Body.Close()
	if rsp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz without a log dir: %s", rsp.Status)
	}
	get(t, n, "/healthz")
}

// TestConfigsChangeWhileItRuns sets dynamic configs and looks at what they do.
func TestConfigsChangeWhileItRuns(t *testing.T) {
	level := new(slog.LevelVar)
	n := run(t, Env{Level: level}, nil)
	create(t, n.Addr(), "t")
	cl := client(t, n.Addr(), kgo.RecordRetries(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	produce(t, cl, "t", 0, 3)
	adm := kadm.NewClient(cl)
	topic := func(key, value string) {
		t.Helper()
		check(t)(adm.AlterTopicConfigs(within(t), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: kadm.StringPtr(value)}}, "t"))
	}
	log := func() *commitlog.Log { return n.dirs.Get(commitlog.TP{Topic: "t"}) }

	topic("max.message.bytes", "100")
	if err := cl.ProduceSync(within(t), &kgo.Record{Topic: "t", Value: make([]byte, 200)}).FirstErr(); !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("200 bytes under max.message.bytes=100: %v", err)
	}
	topic("retention.bytes", "1")
	topic("segment.bytes", "1048576")
	if err := log().Roll(); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, "t", 3, 4)
	if removed, err := log().Retain(); err != nil || removed == 0 {
		t.Errorf("retention.bytes=1 removed %d segments, %v", removed, err)
	}
	if c := log().Config(); c.SegmentBytes != 1<<20 {
		t.Errorf("segment.bytes in force: %d", c.SegmentBytes)
	}

	// The broker's are the default of topics, unless those have their own.
	check(t)(adm.AlterBrokerConfigs(within(t), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "log.retention.ms", Value: kadm.StringPtr("12345")}}))
	if c := log().Config(); c.RetentionAge != 12345*time.Millisecond {
		t.Errorf("log.retention.ms of the cluster in force: %v", c.RetentionAge)
	}
	topic("retention.ms", "777")
	if c := log().Config(); c.RetentionAge != 777*time.Millisecond {
		t.Errorf("retention.ms of the topic in force: %v", c.RetentionAge)
	}

	setLogLevel(t, cl, "DEBUG")
	if level.Level() != slog.LevelDebug {
		t.Errorf("level of the log: %v", level.Level())
	}
}

// setLogLevel sets the level of the broker's root logger (KIP-412).
func setLogLevel(t *testing.T, cl *kgo.Client, level string) {
	t.Helper()
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	rq.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: kmsg.ConfigResourceTypeBrokerLogger, ResourceName: "1",
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "root", Value: &level}},
	}}
	rsp, err := rq.RequestWith(within(t), cl)
	if err == nil {
		err = kerr.ErrorForCode(rsp.Resources[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T) func(kadm.AlterConfigsResponses, error) {
	return func(rs kadm.AlterConfigsResponses, err error) {
		t.Helper()
		for _, r := range rs {
			err = errors.Join(err, r.Err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestALockedDirectory starts a second node on the directory of the first.
func TestALockedDirectory(t *testing.T) {
	fs := vfs.NewVolatile()
	run(t, Env{FS: fs}, nil)
	_, ended, _ := launch(t, Env{FS: fs}, nil)
	if err := <-ended; !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second node on the same directory: %v", err)
	}
}

// TestProducerIDsAreGivenOnce asks for more ids than a block has, in several lives of a node that stops and is killed.
func TestProducerIDsAreGivenOnce(t *testing.T) {
	m := vfs.NewMem()
	given := make(map[int64]int)
	for life := range 4 {
		n := run(t, Env{FS: m}, nil)
		cl := client(t, n.Addr())
		for range 1500 {
			req := kmsg.NewPtrInitProducerIDRequest()
			resp, err := req.RequestWith(within(t), cl)
			if err != nil || resp.ErrorCode != 0 {
				t.Fatal(err, resp)
			}
			if other, again := given[resp.ProducerID]; again {
				t.Fatalf("life %d: producer id %d was given in life %d", life, resp.ProducerID, other)
			}
			given[resp.ProducerID] = life
		}
		cl.Close()
		killed := m.Crash(vfs.Synced, uint64(life))
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		if life%2 == 0 {
			m = killed
		}
	}
}
