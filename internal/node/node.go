// Package node builds a broker out of its parts and runs it: the only place
// that knows them all.
//
// Its main type is Node. New is the only constructor, in production and in
// tests; everything outside the process comes in through Env. Parts start
// forwards, in the order of the list in Run, and stop backwards.
package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"net"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/travisjeffery/jocko/internal/admin"
	"github.com/travisjeffery/jocko/internal/broker"
	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/controller"
	"github.com/travisjeffery/jocko/internal/coordinator/group"
	"github.com/travisjeffery/jocko/internal/coordinator/txn"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/raft"
	"github.com/travisjeffery/jocko/internal/replica"
	"github.com/travisjeffery/jocko/internal/server"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Env is everything outside. Fields left nil are the real thing.
type Env struct {
	FS     vfs.FS
	Listen func(network, addr string) (net.Listener, error)
	Now    func() time.Time // wall clock, for record timestamps and retention only
	Rand   *mathrand.Rand
	Logger *slog.Logger
	// Level is the level of Logger, which configs of the broker's logger change.
	Level *slog.LevelVar
}

func (e Env) withDefaults() Env {
	if e.FS == nil {
		e.FS = vfs.OS()
	}
	if e.Listen == nil {
		e.Listen = net.Listen
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Rand == nil {
		e.Rand = mathrand.New(mathrand.NewPCG(mathrand.Uint64(), mathrand.Uint64()))
	}
	if e.Logger == nil {
		e.Logger = slog.Default()
	}
	if e.Level == nil {
		e.Level = new(slog.LevelVar)
	}
	return e
}

// Version is what the binary calls itself; the build sets it.
var Version = "dev"

// Node is one broker with its share of the metadata quorum.
type Node struct {
	static    *config.Broker // as started, without dynamic configs
	endpoints *config.Endpoints
	env       Env
	self      metadata.BrokerID

	metrics    *metrics.Metrics
	dirs       *commitlog.Dirs
	raft       *raft.Node
	controller *controller.Controller
	replicas   *replica.Replicas
	groups     *group.Coordinator
	txns       *txn.Coordinator
	broker     *broker.Broker
	server     *server.Server
	admin      *admin.Server

	current   atomic.Pointer[config.Broker]    // the configs in force under the newest image
	following atomic.Pointer[replica.Replicas] // replicas, once they are there
	listening atomic.Pointer[server.Server]    // server, once it listens
	ready     chan struct{}
	serving   atomic.Bool
}

// New reads the configuration and takes the addresses. Nothing runs and no file
// is touched before Run.
func New(static config.Map, env Env) (*Node, error) {
	n := &Node{static: config.NewBroker(static), env: env.withDefaults(), ready: make(chan struct{})}
	n.self = metadata.BrokerID(config.ID(n.static))
	var err error
	if n.endpoints, err = config.ParseEndpoints(n.static); err != nil {
		return nil, err
	}
	return n, nil
}

// Ready is closed when the broker serves.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addr is the host:port of the first listener; valid once Ready.
func (n *Node) Addr() string { return n.server.Addr(n.endpoints.Listen[0].Name).String() }

// AdminAddr is the host:port of the admin endpoint, "" if it is off; valid once
// Ready.
func (n *Node) AdminAddr() string {
	if n.admin == nil {
		return ""
	}
	return n.admin.Addr().String()
}

// ClusterID is the cluster's id; valid once Ready.
func (n *Node) ClusterID() string { return n.raft.Image().ClusterID() }

// Run runs the broker until ctx ends or a part can't go on, and returns when
// everything has stopped. It is called once.
func (n *Node) Run(ctx context.Context) (err error) {
	parts := &parts{}
	defer func() { err = errors.Join(err, parts.stop()) }()
	n.metrics = metrics.New(metrics.Options{
		Version:   Version,
		APIName:   func(key int16) string { return protocol.Key(key).String() },
		ErrorName: func(code int16) string { return protocol.Error(code).Name() },
	})
	found, err := n.checkOwnership()
	if err != nil {
		return err
	}
	if err := n.openLogs(parts); err != nil {
		return err
	}
	if err := n.startMetadata(ctx, parts, found); err != nil {
		return err
	}
	if err := n.serve(parts); err != nil {
		return err
	}
	n.serving.Store(true)
	close(n.ready)
	select {
	case <-ctx.Done():
	case err = <-n.raft.Done():
		err = fmt.Errorf("the metadata log can't go on: %w", err)
	case err = <-parts.failed():
	}
	n.serving.Store(false)
	return err
}

// openLogs recovers the log dirs.
func (n *Node) openLogs(parts *parts) error {
	cfg := n.static
	dirs, err := commitlog.OpenDirs(n.env.FS, commitlog.DirsOptions{
		Paths:              config.Dirs(cfg),
		NodeID:             int32(n.self),
		RecoveryThreads:    config.NumRecoveryThreadsPerDataDir.In(cfg),
		MaxOpenFiles:       config.LogMaxOpenFiles.In(cfg),
		RetentionInterval:  config.LogRetentionCheckIntervalMs.In(cfg),
		CheckpointInterval: config.ReplicaHighWatermarkCheckpointIntervalMs.In(cfg),
		ProducerExpiry:     config.ProducerIDExpirationMs.In(cfg),
		ExpiryInterval:     config.ProducerIDExpirationCheckIntervalMs.In(cfg),
		Cleaner:            cleaner(cfg),
		Now:                n.env.Now,
		Logger:             n.env.Logger,
		OnOffline: func(path string, cause error) {
			if r := n.following.Load(); r != nil { // before that, replicas find the dir offline when they open
				r.DirFailed(path, cause)
			}
		},
	})
	if err != nil {
		return err
	}
	n.dirs = dirs
	parts.add("log dirs", dirs.Run, dirs.Close)
	n.metrics.Dirs(n.scrapeDirs)
	n.metrics.Logs(n.scrapeLogs)
	n.countLogs()
	return nil
}

// cleaner is how logs are compacted.
func cleaner(cfg config.Lookup) commitlog.CleanerOptions {
	return commitlog.CleanerOptions{
		Enabled:           config.LogCleanerEnable.In(cfg),
		Threads:           config.LogCleanerThreads.In(cfg),
		DedupeBytes:       config.LogCleanerDedupeBufferSize.In(cfg),
		LoadFactor:        config.LogCleanerIOBufferLoadFactor.In(cfg),
		IOBytes:           config.LogCleanerIOBufferSize.In(cfg),
		MaxBytesPerSecond: config.LogCleanerIOMaxBytesPerSecond.In(cfg),
		Backoff:           config.LogCleanerBackoffMs.In(cfg),
	}
}

// startMetadata opens the metadata log, starts the controller, registers this
// broker and opens its partitions.
func (n *Node) startMetadata(ctx context.Context, parts *parts, found raft.Found) error {
	logger := n.env.Logger
	id, err := n.directoryID(found)
	if err != nil {
		return fmt.Errorf("the directory of the metadata log: %w", err)
	}
	n.raft, err = raft.Open(raft.Options{FS: n.env.FS, Dir: n.raftDir(), NodeID: n.self, DirectoryID: id, Log: logger})
	if err != nil {
		return fmt.Errorf("opening the metadata log: %w", err)
	}
	parts.add("metadata log", nil, n.raft.Close)
	n.replicas = replica.New(replica.Options{
		Self: n.self, Dirs: n.dirs, Broker: n.brokerConfig, Metrics: n.metrics, Logger: logger,
		TailRing: config.LogTailCacheBytes.In(n.static),
	})
	n.metrics.Purgatory("produce", n.waiting((*replica.Partition).WaitingProduces))
	n.metrics.Purgatory("fetch", n.waiting((*replica.Partition).Watches))
	n.controller = controller.New(controller.Options{
		Log: n.raft, Broker: n.brokerConfig, Logger: logger, NewID: newID, Rand: n.env.Rand,
	})
	image := n.raft.Image()
	n.configure(nil, image, nil) // which the coordinators' configs come from
	n.groups = n.newGroups()
	n.txns = n.newTransactions()
	n.broker = broker.New(broker.Options{
		Self: n.self, Config: n.brokerConfig, Raft: n.raft, Controller: n.controller, Replicas: n.replicas, Dirs: n.dirs,
		Groups: n.groups, Transactions: n.txns,
		Metrics: n.metrics, Logger: n.env.Logger, LogLevel: n.logLevel, Now: n.env.Now,
		NewID: newID, Telemetry: n.forwarder(parts),
	})
	n.replicas.Apply(nil, image, metadata.Diff(metadata.Empty(), image))
	n.raft.Subscribe(n.configure)
	n.following.Store(n.replicas)
	n.raft.Subscribe(n.replicas.Apply)
	n.raft.Subscribe(n.groups.Apply)
	n.raft.Subscribe(n.broker.Apply)
	n.raft.Subscribe(n.txns.Apply)
	if err := n.raft.Start(); err != nil {
		return fmt.Errorf("starting the metadata log: %w", err)
	}
	if err := n.raft.WaitReady(ctx); err != nil {
		return fmt.Errorf("waiting for the metadata log: %w", err)
	}
	n.replicas.Started()
	parts.add("controller", n.controller.Run, nil)
	return nil
}

// serve binds the listeners, registers the broker with their addresses, and
// starts to answer.
func (n *Node) serve(parts *parts) error {
	cfg := n.static
	var err error
	n.server, err = server.Listen(server.Options{
		Listen: n.env.Listen, Listeners: serverListeners(n.endpoints.Listen), Handler: n.broker, Metrics: &n.metrics.Server, Log: n.env.Logger,
		Limits: server.Limits{
			MaxConnections:      unbounded(config.MaxConnections.In(cfg)),
			MaxConnectionsPerIP: unbounded(config.MaxConnectionsPerIP.In(cfg)),
			MaxRequestBytes:     int32(config.SocketRequestMaxBytes.In(cfg)),
			MaxInFlightBytes:    n.requestMemory(),
			IdleTimeout:         config.ConnectionsMaxIdleMs.In(cfg),
		},
		SendBuffer:    socketBuffer(config.SocketSendBufferBytes, cfg),
		ReceiveBuffer: socketBuffer(config.SocketReceiveBufferBytes, cfg),
	})
	if err != nil {
		return err
	}
	n.listening.Store(n.server)
	n.configure(nil, n.raft.Image(), nil)
	if err := n.register(); err != nil {
		n.server.Close()
		return err
	}
	if addr := config.AdminListener.In(cfg); addr != "" {
		n.admin, err = admin.Listen(admin.Options{
			Addr: addr, Listen: n.env.Listen, Metrics: n.metrics.Handler(), Ready: n.checkReady, Pprof: config.AdminPprofEnable.In(cfg), Log: n.env.Logger,
		})
		if err != nil {
			n.server.Close()
			return err
		}
		parts.add("admin", n.admin.Run, nil)
	}
	parts.add("server", n.server.Run, nil)
	// The coordinators run in the leader epochs that the registration began. They
	// end before the server does: requests that wait for other members are
	// answered then, and don't hold it up.
	parts.add("group coordinator", n.groups.Run, nil)
	parts.add("transaction coordinator", n.txns.Run, nil)
	return nil
}

// forwarder starts what receives clients' metrics, if there is an endpoint for
// them.
func (n *Node) forwarder(parts *parts) *broker.Forwarder {
	url := config.ClientTelemetryOTLPEndpoint.In(n.static)
	if url == "" {
		return nil
	}
	f := broker.NewForwarder(url, n.env.Logger)
	parts.add("client metrics", f.Run, nil)
	return f
}

// registerTimeout bounds the first write to the metadata log.
const registerTimeout = 30 * time.Second

// registeredDirs are the ids of the log dirs. One of earlier runs that isn't
// there stays registered while a partition has no log: it may hold it, and the
// partition isn't begun anew.
func (n *Node) registeredDirs() []protocol.UUID {
	var ids []protocol.UUID
	for _, d := range n.dirs.List() {
		ids = append(ids, d.ID)
	}
	b := n.raft.Image().Broker(n.self)
	if b == nil || n.replicas.Whole() {
		return ids
	}
	for _, id := range b.Dirs {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
			n.env.Logger.Error("a log dir of earlier runs is missing", "id", id)
		}
	}
	return ids
}

// register tells the cluster of this broker's new incarnation.
func (n *Node) register() error {
	ctx, cancel := context.WithTimeout(context.Background(), registerTimeout)
	defer cancel()
	clusterID, _ := n.dirs.Identity()
	if id := n.raft.Image().ClusterID(); id != "" {
		clusterID = id
	} else if clusterID == "" {
		clusterID = newID().String()
	}
	if err := n.dirs.SetIdentity(clusterID, int32(n.self)); err != nil {
		return err
	}
	b := metadata.Broker{ID: n.self, Incarnation: newID()}
	if rack := config.BrokerRack.In(n.static); rack != "" {
		b.Rack = &rack
	}
	b.Dirs = n.registeredDirs()
	var err error
	if b.Listeners, err = n.advertised(); err != nil {
		return err
	}
	epoch, err := n.controller.RegisterBroker(ctx, clusterID, b)
	if err != nil {
		return fmt.Errorf("registering the broker: %w", err)
	}
	n.dirs.SetBrokerEpoch(epoch)
	return nil
}

// checkReady tells what the broker waits for, nil when it serves.
func (n *Node) checkReady() error {
	if !n.serving.Load() {
		return errors.New("the broker is starting or stopping")
	}
	for _, d := range n.dirs.List() {
		if d.Err == nil {
			return nil
		}
	}
	return errors.New("every log dir is offline")
}

// configure follows changes of the broker's own configs.
func (n *Node) configure(_, next *metadata.Image, delta *metadata.Delta) {
	if delta != nil && len(delta.ChangedConfigs) == 0 {
		return
	}
	cfg := n.brokerConfig(next)
	n.current.Store(cfg)
	n.dirs.SetCleaner(cleaner(cfg))
	if s := n.listening.Load(); s != nil {
		s.SetConnectionLimits(unbounded(config.MaxConnections.In(cfg)), unbounded(config.MaxConnectionsPerIP.In(cfg)))
	}
	n.setLogLevel(next)
}

// brokerConfig is the broker's configuration under an image.
func (n *Node) brokerConfig(img *metadata.Image) *config.Broker {
	own := img.Config(metadata.Resource{Type: metadata.BrokerResource, Name: fmt.Sprint(n.self)})
	all := img.Config(metadata.Resource{Type: metadata.BrokerResource})
	return n.static.WithDynamic(own, all)
}

// metadataDir is the directory that the metadata log's folder is in:
// metadata.log.dir, or the first log dir.
func (n *Node) metadataDir() string {
	dir := config.MetadataLogDir.In(n.static)
	if dir == "" {
		dir = config.Dirs(n.static)[0]
	}
	return filepath.Clean(dir)
}

// raftFolder is the folder of the metadata log.
const raftFolder = "__raft"

func (n *Node) raftDir() string { return filepath.Join(n.metadataDir(), raftFolder) }

// requestMemory is the budget for requests in flight.
func (n *Node) requestMemory() int64 {
	if q := config.QueuedMaxRequestBytes.In(n.static); q > 0 {
		return q
	}
	return config.RequestMemoryMaxBytes.In(n.static)
}

// unbounded: the largest INT is Kafka's "no limit".
func unbounded(limit int) int {
	if limit >= math.MaxInt32 {
		return 0
	}
	return limit
}

// socketBuffer is a socket buffer's size where somebody chose one. Kafka's
// default of 100 KiB would be worse than what the system chooses by itself.
func socketBuffer(k config.Bytes, cfg config.Lookup) int {
	if !k.IsSet(cfg) {
		return 0
	}
	return int(k.In(cfg))
}

// newID is a random id as Kafka makes them: never zero, and no dash in front,
// which tools would take for a flag.
func newID() protocol.UUID {
	for {
		var id protocol.UUID
		if _, err := rand.Read(id[:]); err != nil {
			panic("BUG: crypto/rand failed: " + err.Error())
		}
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		if id != (protocol.UUID{}) && id.String()[0] != '-' {
			return id
		}
	}
}

// TuneRuntime sets the garbage collector for a process that is a broker: its
// heap is small and its buffers are pooled, so it can grow before a collection.
func TuneRuntime() { debug.SetGCPercent(200) }
