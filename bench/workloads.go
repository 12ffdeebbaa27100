package main

import "context"

// workloads are the rows, in the order they run.
var workloads = []*workload{
	{
		id: "P1", title: "produce acks=1, 1 KiB values, 128 KiB batches, 6 partitions", placement: pinned,
		run: produceRun(1024, 128<<10),
		goals: []goal{
			more("MB/s", 1.2, 1.5), less("CPU s/GB", 0.4, 0.2).atMost(0.8),
			less("PSS MiB", 0.5, 0.2).atMost(250),
		},
	},
}

var _ = context.Background
