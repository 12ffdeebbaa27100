package main

import (
	"context"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// workloads are the rows, in the order they run. Their ids, floors and goals are those of the
// project's list of performance goals.
var workloads = []*workload{
	{
		id: "P1", title: "produce acks=1, 1 KiB values, 128 KiB batches, 6 partitions (and F2: memory under it)",
		placement: pinned, run: produceRun(1024, 128<<10),
		goals: []goal{
			more("MB/s", 1.2, 1.5), less("CPU s/GB", 0.4, 0.2).atMost(0.8), less("PSS MiB", 0.5, 0.2).atMost(250),
		},
	},
	{
		id: "P1R", title: "P1 with requests made in advance: the broker is the bottleneck", placement: pinned,
		run:   prebuiltRun(0, 1),
		goals: []goal{more("MB/s", 1.2, 1.5), less("CPU s/GB", 0.4, 0.2).atMost(0.8)},
	},
	{
		id: "P2", title: "P1 with 100 B values", placement: pinned, run: produceRun(100, 128<<10),
		goals: []goal{more("records/s", 1, 1.3), less("CPU s/GB", 0, 0.25)},
	},
	{
		id: "P3a", title: "P1 with 10 KiB values", placement: pinned, run: produceRun(10<<10, 128<<10),
		goals: []goal{more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.6)},
	},
	{
		id: "P3b", title: "P1 with 100 KiB values", placement: pinned, run: produceRun(100<<10, 256<<10),
		goals: []goal{more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.6)},
	},
	{
		id: "P3c", title: "P1 with 1 MiB values", placement: pinned, run: produceRun(1<<20, 2<<20),
		goals: []goal{more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.6)},
	},
	compressed("P7a", "gzip", 1),
	compressed("P7b", "snappy", 2),
	compressed("P7c", "lz4", 3),
	compressed("P7d", "zstd", 4),
	sentBy("P7ja", "gzip", "Java", javaSender),
	sentBy("P7jb", "snappy", "Java", javaSender),
	sentBy("P7jc", "lz4", "Java", javaSender),
	sentBy("P7jd", "zstd", "Java", javaSender),
	sentBy("P7ra", "gzip", "librdkafka", rdkafkaSender),
	sentBy("P7rb", "snappy", "librdkafka", rdkafkaSender),
	sentBy("P7rc", "lz4", "librdkafka", rdkafkaSender),
	sentBy("P7rd", "zstd", "librdkafka", rdkafkaSender),
	steady("P1s", "P1", produceRun(1024, 128<<10), more("MB/s", 1.2, 1.5), less("CPU s/GB", 0.4, 0.2)),
	steady("P2s", "P2", produceRun(100, 128<<10), more("records/s", 1, 1.3), less("CPU s/GB", 0, 0.25)),
	steady("P7as", "P7a (gzip)", prebuiltRun(1, 1), more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.7)),
	steady("P7bs", "P7b (snappy)", prebuiltRun(2, 1), more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.7)),
	steady("P7cs", "P7c (lz4)", prebuiltRun(3, 1), more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.7)),
	steady("P7ds", "P7d (zstd)", prebuiltRun(4, 1), more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.7)),
	{
		id: "P8", title: "fsync before the acknowledgement (flush.messages=1), 64 producers, acks=all", placement: free,
		run:   unbatched(64, 16, -1, map[string]string{"flush.messages": "1"}),
		goals: []goal{more("records/s", 2, 5), less("p99 ms", 0.5, 0.2)},
	},
	{
		id: "P9", title: "unbatched: 64 clients, 1 record, 1 in flight", placement: pinned, run: unbatched(64, 16, 1, nil),
		goals: []goal{more("records/s", 1.2, 2.5), less("CPU us/record", 0, 0.35)},
	},
	{
		id: "P10", title: "1,000 producers of 10 records/s, 200 partitions (and F2: memory under it)", placement: free,
		run: smallProducers(1000, 200, 10),
		goals: []goal{
			less("CPU us/record", 0.6, 0.3), less("p99 ms", 1, 0.4), less("PSS MiB", 0.5, 0.2).atMost(250),
		},
	},
	{
		id: "P11", title: "tail consume at 100 MB/s; CPU by difference to the producer alone", placement: pinned,
		run: tail(100), goals: []goal{less("consume CPU s/GB", 1, 0.6)},
	},
	catchUpRow("P12a", 1, more("MB/s", 1, 0)),
	catchUpRow("P12b", 4, more("MB/s", 1, 0)),
	catchUpRow("P12c", 16, more("MB/s", 1, 1.2)),
	{
		id: "P14a", title: "fan-out 1 to 20 at 20 MB/s in", placement: pinned, run: fanOut(20, 20),
		goals: []goal{less("CPU s/GB out", 0.8, 0.5)},
	},
	{
		id: "P14b", title: "fan-out 1 to 100 at 5 MB/s in", placement: pinned, run: fanOut(100, 5),
		goals: []goal{less("CPU s/GB out", 0.8, 0.5)},
	},
	transactionsRow("P6a", 1),
	transactionsRow("P6b", 8),
	{
		id: "P18", title: "100 groups that commit the offsets of 10 partitions, each as fast as it can", placement: pinned,
		config: coordinatorConfig, run: offsetCommits(100, 10),
		goals: []goal{more("commits/s", 1.5, 3)},
	},
	{
		id: "L4", title: "end to end at 10,000 records/s, acks=1", placement: free, run: endToEnd(10_000),
		goals: []goal{less("p50 ms", 0.8, 0.4).atMost(0.15)},
	},
	{
		id: "L5", title: "longest wait for an acknowledgement beside rolls, retention, compaction and topic churn", placement: free,
		config: map[string]string{"log.retention.check.interval.ms": "5000"},
		run:    stalls(5 * time.Minute), goals: []goal{less("max ms", 1, 0).atMost(20)},
	},
	{
		id: "L6", title: "one record after 60 s idle, 10,000 idle partitions", placement: free, own: true,
		run: wakeUp(10_000, 60*time.Second, 5), goals: []goal{less("p50 ms", 0.8, 0.3)},
	},
	{
		id: "F1", title: "idle memory with 10 topics", placement: free, own: true, run: idleMemory,
		goals: []goal{less("PSS MiB", 0.3, 0.1).atMost(40)},
	},
	{
		id: "F4", title: "start of an empty node to the first acknowledgement", placement: free, own: true, run: firstAck,
		goals: []goal{less("start ms", 0.4, 0.06).atMost(250)},
	},
	{
		id: "F6", title: "clean restart, 10 GB in 1,000 partitions", placement: free, own: true,
		run:   restart(false, shape{topics: 10, parts: 100, bytes: 10_000_000}),
		goals: []goal{less("restart s", 0.5, 0.2).atMost(1)},
	},
	{
		id: "F7", title: "restart after kill -9, 50 x 100 MB and 5 x 1 GB", placement: free, own: true,
		run:   restart(true, shape{topics: 1, parts: 50, bytes: 100_000_000}, shape{topics: 1, parts: 5, bytes: 1_000_000_000}),
		goals: []goal{less("restart s", 0.5, 0.15).atMost(2)},
	},
	{
		id: "F12", title: "create 10,000 partitions, 100 topics of 100 (and F13: idle)", placement: free, own: true,
		run: manyPartitions(10_000),
		goals: []goal{
			less("create s", 0.5, 0.2).atMost(5), less("PSS MiB", 0.5, 0).atMost(150), less("idle CPU %", 0.5, 0).atMost(2),
			less("FDs", 0, 0).atMost(4000),
		},
	},
	{
		id: "F17", title: "10,000 idle connections", placement: free, own: true, run: idleConnections(10_000),
		goals: []goal{less("KiB/connection", 0.5, 0).atMost(8)},
	},
	rebalanceRow("F19a", "classic, range", classic(kgo.RangeBalancer()), 20),
	rebalanceRow("F19b", "classic, cooperative-sticky", classic(kgo.CooperativeStickyBalancer()), 11),
	rebalanceRow("F19c", "consumer, uniform", consumer(), 11),
	unpaced(rebalanceRow("F19d", "consumer, uniform, group.consumer.assignment.interval.ms=0", consumer(), 11)),
	idleGroupsRow("G1a", "classic protocol, a heartbeat each 3 s", classic(kgo.RangeBalancer()), 3*time.Second),
	idleGroupsRow("G1b", "consumer protocol, a heartbeat each 5 s", consumer(), 5*time.Second),
	loadingRow("G2a", 1),
	loadingRow("G2b", 50),
	{
		id: "F21", title: "size of the binary, or of the jars", placement: free, own: true, run: binarySize,
		goals: []goal{less("MiB", 0, 0).atMost(40)},
	},
}

func compressed(id, codec string, number int8) *workload {
	return &workload{
		id: id, title: "produce of " + codec + " batches as franz-go makes them, in advance, sizes uncompressed", placement: pinned,
		run: prebuiltRun(number, 1), goals: []goal{more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.7)},
	}
}

func sentBy(id, codec, client string, send sender) *workload {
	return &workload{
		id: id, title: "produce of " + codec + " batches that " + client + " made, sizes uncompressed", placement: pinned,
		run: sentRun(send, codec), goals: []goal{more("MB/s", 1, 1.2), less("CPU s/GB", 0, 0.7)},
	}
}

// steady is a row once more over -steady-bytes: by then the page cache is full, and the disk takes what comes in.
func steady(id, of string, run func(context.Context, *env) (values, error), goals ...goal) *workload {
	return &workload{
		id: id, title: of + " in the steady state, 20 GB", placement: pinned, long: true, goals: goals,
		run: func(ctx context.Context, e *env) (values, error) {
			if !e.warming {
				e.bytes = e.steady
			}
			return run(ctx, e)
		},
	}
}

func catchUpRow(id string, consumers int, throughput goal) *workload {
	return &workload{
		id: id, title: "catch-up from the page cache, " + itoa(consumers) + " consumers", placement: pinned,
		run: catchUp(consumers), goals: []goal{throughput, less("CPU s/GB", 0, 0.65)},
	}
}

func transactionsRow(id string, producers int) *workload {
	return &workload{
		id: id, title: "transactions of 100 records of 1 KiB to each of 4 partitions, " + itoa(producers) + " producers", placement: pinned,
		config: coordinatorConfig, run: transactions(producers),
		goals: []goal{more("txn/s", 1, 2), less("commit p99 ms", 0, 0.4)},
	}
}

// rebalanceRow is a group of 200 members that subscribe to 10 topics of 200 partitions: with 20 of
// 100, range would leave half of the members without any. most is what a member may hold when one of
// them is gone.
func rebalanceRow(id, protocol string, r recruit, most int) *workload {
	return &workload{
		id: id, title: "a group of 200 members and 2,000 partitions from join to stable, and after one leaves: " + protocol, placement: pinned,
		config: coordinatorConfig, run: rebalance(r, 10, 200, shares{share{200, 2000, 10}, share{199, 2000, most}}),
		goals: []goal{less("join s", 1, 0.4), less("leave s", 1, 0.4)},
	}
}

// unpaced has assignments computed whenever a group changes. By default both brokers do so once a
// second for a group, and a group that forms takes no less than that second.
func unpaced(w *workload) *workload {
	w.config = maps.Clone(w.config)
	w.config["group.consumer.assignment.interval.ms"] = "0"
	return w
}

func idleGroupsRow(id, protocol string, r recruit, interval time.Duration) *workload {
	return &workload{
		id: id, title: "1,000 idle groups of 3 members: " + protocol, placement: free, own: true,
		config: coordinatorConfig, run: idleGroups(1000, r, interval),
		goals: []goal{less("idle CPU %", 0, 0.3), less("RSS MiB", 0, 0.2)},
	}
}

func loadingRow(id string, parts int32) *workload {
	return &workload{
		id: id, title: "start over 5 GB of committed offsets (500 MB in the short form), 100,000 keys, in " + itoa(int(parts)) + " partitions", placement: free, own: true,
		config: loadingConfig(parts), run: loadOffsets(parts),
		goals: []goal{less("all groups s", 0, 0).atMost(15), less("peak RSS MiB", 0, 0).atMost(256)},
	}
}
