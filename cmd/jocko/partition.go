package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newPartition() *cobra.Command {
	return group("partition", "Look at partitions", newPartitionOffsets())
}

// partitionOffset is one answer of `partition offsets --format json`.
type partitionOffset struct {
	Topic       string `json:"topic"`
	Partition   int32  `json:"partition"`
	At          string `json:"at"`        // what was asked: earliest, latest, max-timestamp or the time given
	Offset      int64  `json:"offset"`    // -1: there is no such record
	Timestamp   int64  `json:"timestamp"` // of the record at the offset, ms since 1970; -1: not told
	LeaderEpoch int32  `json:"leader_epoch"`
	Error       string `json:"error,omitempty"`
}

type partitionOffsets struct {
	conn      connection
	format    outputFormat
	at        []string
	committed bool
}

func newPartitionOffsets() *cobra.Command {
	var c partitionOffsets
	cmd := &cobra.Command{
		Use:   "offsets TOPIC [PARTITION...]",
		Short: "Show a topic's offsets: first, last, or by time",
		Example: `  jocko partition offsets orders
  jocko partition offsets orders 0 3 --at latest
  jocko partition offsets orders --at 24h
  jocko partition offsets orders --at 2026-01-02T15:04:05Z`,
		Args:              needs("TOPIC"),
		ValidArgsFunction: completeTopics(&c.conn, 1),
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.StringSliceVar(&c.at, "at", []string{"earliest", "latest"},
		"which offset: `earliest`, latest, max-timestamp (of the newest record), or the first at or after a time ("+timeHelp+")")
	f.BoolVar(&c.committed, "committed", false, "latest is the last stable offset, behind every open transaction")
	completeWords(cmd, "at", "earliest", "latest", "max-timestamp")
	c.conn.addFlags(cmd)
	c.format.addFlag(cmd)
	return cmd
}

func (c *partitionOffsets) run(cmd *cobra.Command, args []string) error {
	only, err := parsePartitions(args[1:])
	if err != nil {
		return &usageError{err}
	}
	timestamps := make([]int64, len(c.at))
	for i, at := range c.at {
		if timestamps[i], err = parseAt(at, time.Now()); err != nil {
			return usagef("--at: %w", err)
		}
	}
	var isolation int8
	if c.committed {
		isolation = readCommitted
	}
	var found []partitionOffset
	err = c.conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
		_, partitions, err := lookUpTopic(ctx, adm, args[0], only)
		if err != nil {
			return err
		}
		for i, at := range c.at {
			listed, err := listOffsets(ctx, adm.wire, args[0], partitions, timestamps[i], isolation)
			if err != nil {
				return err
			}
			for j := range listed {
				listed[j].At = at
			}
			found = append(found, listed...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.print(cmd, found)
}

// parsePartitions reads partition numbers, sorts them and drops duplicates.
func parsePartitions(words []string) ([]int32, error) {
	var ids []int32
	for _, w := range words {
		id, err := strconv.ParseInt(w, 10, 32)
		if err != nil || id < 0 {
			return nil, fmt.Errorf("%q is not a partition number", w)
		}
		ids = append(ids, int32(id))
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (c *partitionOffsets) print(cmd *cobra.Command, found []partitionOffset) error {
	var errs []error
	rows := map[int32][]string{}
	for _, o := range found {
		row, ok := rows[o.Partition]
		if !ok {
			row = []string{strconv.Itoa(int(o.Partition))}
		}
		cell := strconv.FormatInt(o.Offset, 10)
		if o.Error != "" {
			cell = "?"
			errs = append(errs, fmt.Errorf("partition %d: %s", o.Partition, o.Error))
		}
		rows[o.Partition] = append(row, cell)
	}
	var err error
	if c.format.json() {
		err = writeJSON(cmd.OutOrStdout(), found)
	} else {
		table := make([][]string, 0, len(rows))
		for _, p := range slices.Sorted(maps.Keys(rows)) {
			table = append(table, rows[p])
		}
		header := []string{"PARTITION"}
		for _, at := range c.at {
			header = append(header, strings.ToUpper(at))
		}
		err = writeTable(cmd.OutOrStdout(), header, table)
	}
	return errors.Join(append(errs, err)...)
}
