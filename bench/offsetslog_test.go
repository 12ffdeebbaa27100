package main

import "testing"

func TestPartitionOf(t *testing.T) {
	for group, want := range map[string]int32{
		"": 0, "a": 47, "loading-group-000": 41, "consumer-group": 38,
		"polygenelubricants": 0, // hashes to the least number
	} {
		if got := partitionOf(group, 50); got != want {
			t.Errorf("%q is in partition %d, want %d", group, got, want)
		}
	}
}
