package main

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/vfs"
)

func newDumpLog() *cobra.Command {
	var opt commitlog.DumpOptions
	cmd := &cobra.Command{
		Use:   "dump-log FILE|DIR...",
		Short: "Print the files of a partition's log",
		Long: `Print segments, indexes, producer snapshots and checkpoints, in the form of Kafka's own dump tool.

A DIR stands for the files of a partition in it. Nothing is locked or changed, so the broker may run; the end of a segment
that is being written may then look torn.`,
		Example: `  jocko dump-log jocko-data/orders-0
  jocko dump-log --data jocko-data/orders-0/00000000000000000000.log
  jocko dump-log --verify-index jocko-data/orders-0/*.index`,
		Args: needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opt.MaxBytes < 0 {
				return usagef("--max-bytes: want 0 or more")
			}
			var failed []error
			for _, arg := range args {
				files, err := logFiles(vfs.OS(), arg)
				if err != nil {
					failed = append(failed, err)
				}
				for _, file := range files {
					err := commitlog.Dump(cmd.OutOrStdout(), vfs.OS(), file, opt)
					if isClosedPipe(err) {
						return err
					}
					if err != nil {
						failed = append(failed, fmt.Errorf("%s: %w", file, err))
					}
				}
			}
			return errors.Join(failed...)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&opt.Records, "records", "r", false, "a line for each record, not only for each batch")
	f.BoolVarP(&opt.Data, "data", "d", false, "print keys and values; implies --records")
	f.Int64Var(&opt.MaxBytes, "max-bytes", 0, "how much of each segment to read (0: all)")
	f.BoolVar(&opt.VerifyIndex, "verify-index", false, "of an index, print only what is wrong with it")
	cmd.PreRun = func(*cobra.Command, []string) { opt.Records = opt.Records || opt.Data }
	return cmd
}

// logFiles returns a file itself, and what belongs to the log in a partition's directory, by offset.
func logFiles(fs vfs.FS, name string) ([]string, error) {
	info, err := fs.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir {
		return []string{name}, nil
	}
	entries, err := fs.ReadDir(name)
	if err != nil {
		return nil, err
	}
	order := []string{".log", ".index", ".timeindex", ".txnindex", ".snapshot"}
	var files []string
	for _, e := range entries {
		if !e.IsDir && slices.Contains(order, path.Ext(e.Name)) {
			files = append(files, filepath.Join(name, e.Name))
		}
	}
	slices.SortFunc(files, func(a, b string) int {
		return cmp.Or(cmp.Compare(stem(a), stem(b)), cmp.Compare(slices.Index(order, path.Ext(a)), slices.Index(order, path.Ext(b))))
	})
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no file of a log: name a partition's directory, like %s", name, filepath.Join(name, "orders-0"))
	}
	return files, nil
}

func stem(file string) string { return file[:len(file)-len(path.Ext(file))] }
