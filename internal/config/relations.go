package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A relation is a requirement between two broker keys of numbers, by their names: low is at most high, or below it.
type relation struct {
	low, high string
	below     bool
}

// relations are those that Kafka checks at start, between values that may be defaults.
var relations = slices.Concat(
	spans("group.consumer", "heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"),
	spans("group.share", "heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms",
		"record.lock.duration.ms", "delivery.count.limit", "partition.max.record.locks"),
	spans("group.streams", "heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"),
	[]relation{
		{"group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms", true},
		{"group.share.heartbeat.interval.ms", "group.share.session.timeout.ms", true},
		{"group.streams.heartbeat.interval.ms", "group.streams.session.timeout.ms", true},
		{"group.share.max.size", "group.share.max.share.sessions", false},
		{"group.streams.num.standby.replicas", "group.streams.max.standby.replicas", false},
		{"group.streams.num.warmup.replicas", "group.streams.max.warmup.replicas", false},
		{"group.streams.min.task.offset.interval.ms", "group.streams.task.offset.interval.ms", false},
		{"replica.fetch.wait.max.ms", "replica.socket.timeout.ms", false},
		{"replica.fetch.wait.max.ms", "replica.lag.time.max.ms", false},
		{"log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", false},
	},
)

// spans are the relations of keys that have a lowest and a highest value in keys of their own.
func spans(prefix string, names ...string) (out []relation) {
	for _, name := range names {
		low, own, high := prefix+".min."+name, prefix+"."+name, prefix+".max."+name
		out = append(out, relation{low, own, false}, relation{own, high, false}, relation{low, high, false})
	}
	return out
}

func (r relation) check(l Lookup) error {
	low, high := Brokers.Get(r.low).number(l), Brokers.Get(r.high).number(l)
	switch {
	case low < high || low == high && !r.below:
		return nil
	case r.below:
		return fmt.Errorf("%s is %d, and must be less than %s, which is %d", r.low, low, r.high, high)
	}
	return fmt.Errorf("%s is %d, and must not be greater than %s, which is %d", r.low, low, r.high, high)
}

// checkRelations checks what must hold between values, and of those that are derived from several keys.
func checkRelations(l Lookup) error {
	var errs []error
	for _, r := range relations {
		errs = append(errs, r.check(l))
	}
	for _, check := range []func(Lookup) error{
		checkTimes, checkCleanerMemory, checkRequestMemory, checkConnections, checkCodecs, checkLists, checkCordoned, checkEarlyListeners,
	} {
		errs = append(errs, check(l))
	}
	return errors.Join(errs...)
}

// checkTimes checks the times that topics inherit, in the unit that they have there.
func checkTimes(l Lookup) error {
	if ms := inherited(RetentionMs.Key, l); ms == 0 {
		return errors.New("log.retention.ms, which log.retention.minutes and log.retention.hours stand in for, is 0: it must be at least 1, " +
			"or negative for no limit")
	}
	if ms := inherited(SegmentMs.Key, l); ms < 1 {
		return fmt.Errorf("log.roll.ms, which log.roll.hours stands in for, is %d: it must be at least 1", ms)
	}
	if ms := inherited(SegmentJitterMs.Key, l); ms < 0 {
		return fmt.Errorf("log.roll.jitter.ms, which log.roll.jitter.hours stands in for, is %d: it must be at least 0", ms)
	}
	if ms := inherited(FlushMs.Key, l); ms < 0 {
		return fmt.Errorf("log.flush.interval.ms, which log.flush.scheduler.interval.ms stands in for, is %d: it must be at least 0", ms)
	}
	return nil
}

// inherited is a topic's number by the broker's keys, also where the topic's own bounds would refuse it.
func inherited(k *Key, l Lookup) int64 {
	v, ok := Inherited{Broker: l}.Lookup(k)
	if !ok {
		v = k.Default
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	return n
}

func checkCleanerMemory(l Lookup) error {
	threads, memory := LogCleanerThreads.number(l), LogCleanerDedupeBufferSize.number(l)
	if threads < 1 || memory/threads <= 1<<20 {
		return fmt.Errorf("log.cleaner.dedupe.buffer.size is %d, and log.cleaner.threads is %d: each thread needs more than 1 MiB", memory, threads)
	}
	return nil
}

func checkRequestMemory(l Lookup) error {
	all, one := QueuedMaxRequestBytes.number(l), SocketRequestMaxBytes.number(l)
	if all > 0 && all < one {
		return fmt.Errorf("queued.max.request.bytes is %d, and must not be less than socket.request.max.bytes, which is %d", all, one)
	}
	return nil
}

func checkConnections(l Lookup) error {
	delay, idle := Brokers.Get("connection.failed.authentication.delay.ms").number(l), ConnectionsMaxIdleMs.number(l)
	if idle >= 0 && delay >= idle {
		return fmt.Errorf("connection.failed.authentication.delay.ms is %d, and must be less than connections.max.idle.ms, which is %d", delay, idle)
	}
	if MaxConnectionsPerIP.number(l) == 0 && Brokers.Get("max.connections.per.ip.overrides").raw(l) == "" {
		return errors.New("max.connections.per.ip is 0, and max.connections.per.ip.overrides names no address that could connect")
	}
	return nil
}

// checkCodecs checks the numbers of compression codecs: none, gzip, snappy, lz4, zstd.
func checkCodecs(l Lookup) error {
	for _, name := range []string{"offsets.topic.compression.codec", "share.coordinator.state.topic.compression.codec"} {
		if n := Brokers.Get(name).number(l); n < 0 || n > 4 {
			return fmt.Errorf("%s is %d: it must be 0 to 4", name, n)
		}
	}
	return nil
}

// notEmpty are the lists that must have an element where they are set.
var notEmpty = []string{
	"advertised.listeners", "group.consumer.assignors", "group.coordinator.rebalance.protocols", "group.share.assignors",
	"group.streams.assignors", "log.dirs", "process.roles",
}

func checkLists(l Lookup) error {
	for _, name := range notEmpty {
		if k := (List{Brokers.Get(name)}); k.IsSet(l) && len(k.In(l)) == 0 {
			return fmt.Errorf("%s is set and has no element", name)
		}
	}
	protocols := List{Brokers.Get("group.coordinator.rebalance.protocols")}
	if !slices.ContainsFunc(protocols.In(l), func(p string) bool { return strings.EqualFold(p, "classic") }) {
		return fmt.Errorf("%s lacks classic, which can't be turned off", protocols.Name)
	}
	tags := splitList(Brokers.Get("group.streams.rack.aware.assignment.tags").raw(l))
	if len(distinctStrings(tags)) < len(tags) {
		return errors.New("group.streams.rack.aware.assignment.tags names a tag twice")
	}
	return nil
}

func checkCordoned(l Lookup) error {
	dirs := Dirs(l)
	for _, d := range (List{Brokers.Get("cordoned.log.dirs")}).In(l) {
		if d != "*" && !slices.Contains(dirs, d) {
			return fmt.Errorf("cordoned.log.dirs names %s, and log.dirs doesn't", d)
		}
	}
	return nil
}

func checkEarlyListeners(l Lookup) error {
	known := List{Brokers.Get("controller.listener.names")}.In(l)
	for _, e := range Listeners.In(l) {
		name, _, _ := strings.Cut(e, "://")
		known = append(known, name)
	}
	for _, name := range (List{Brokers.Get("early.start.listeners")}).In(l) {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			return fmt.Errorf("early.start.listeners names %s, which is no listener", name)
		}
	}
	return nil
}
