package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const consumeLong = `Read records and print them, from given partitions and offsets, or as a member of a group.

Each value is printed as it is, byte for byte, with --delimiter after it: also after the last one, whatever the input of
jocko produce ended with. --raw prints values alone. Records of one partition come in order; those of several partitions
come as they arrive. Without --exit or --count it waits for more records until it is interrupted.

With --group it joins a group, prints what it is assigned, and commits what it has printed: every five seconds, when
partitions are taken away, and in the end. --offset then says where to begin in partitions of which the group has no
offset. With --exit it ends when the group has read to the end: its own partitions by what was printed, those of other
members by what they have committed.

--format json prints an object a line and keeps every byte: what isn't UTF-8 comes as base64, in key_base64 instead of key.
Every other output prints bytes as they are, so that a delimiter, a comma or the text of null may be part of a record too.
Any other --format is a template: ` + formatHelp

// printBytes is how much text is collected before it is written.
const printBytes = 256 << 10

type consume struct {
	conn         connection
	format       string
	delimiter    string
	keyDelimiter string
	null         string
	offset       string
	partitions   []int32
	exit         bool
	count        int64
	raw          bool
	committed    bool
	maxWait      time.Duration
	group        groupFlags
}

func newConsume() *cobra.Command {
	var c consume
	cmd := &cobra.Command{
		Use:   "consume TOPIC",
		Short: "Read records and print them",
		Long:  consumeLong,
		Example: `  jocko consume orders
  jocko consume orders --offset -10 --exit
  jocko consume orders --offset @2026-01-02T15:04:05Z --partition 0 --partition 3
  jocko consume orders --format '%p/%o %k: %s\n'
  jocko consume orders --exit --format json | jq .value
  jocko consume orders --group payments --group-protocol consumer`,
		Args:              cobra.MatchAll(needs("TOPIC"), cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeTopics(&c.conn, 1),
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.StringVarP(&c.offset, "offset", "o", "beginning", "where to begin: "+startHelp)
	f.Int32SliceVarP(&c.partitions, "partition", "p", nil, "partitions to read (default all)")
	f.BoolVarP(&c.exit, "exit", "e", false, "stop at what is the end when the command starts")
	f.Int64VarP(&c.count, "count", "c", 0, "stop after this many records (0: never)")
	f.StringVarP(&c.format, "format", "f", "", "`json`, or a template like '%k %s\\n'")
	f.StringVarP(&c.delimiter, "delimiter", "D", `\n`, `what to print after each record; escapes: \n \r \t \0 \xHH`)
	f.StringVarP(&c.keyDelimiter, "key-delimiter", "K", "", "print keys, and this between key and value")
	f.StringVar(&c.null, "null", "", "what to print for a null key or value")
	f.BoolVar(&c.raw, "raw", false, "print values and nothing between them")
	f.BoolVar(&c.committed, "committed", false, "hide records of transactions that are open or aborted")
	f.DurationVar(&c.maxWait, "max-wait", 500*time.Millisecond, "how long a broker waits for records before it answers that there are none")
	cmd.MarkFlagsMutuallyExclusive("format", "delimiter", "raw")
	cmd.MarkFlagsMutuallyExclusive("format", "key-delimiter")
	cmd.MarkFlagsMutuallyExclusive("raw", "key-delimiter")
	c.group.addFlags(cmd, &c.conn)
	completeWords(cmd, "format", "json")
	completeWords(cmd, "offset", "beginning", "end")
	c.conn.addFlags(cmd)
	return cmd
}

// formatter returns what the flags say about how records are printed.
func (c *consume) formatter() (formatter, error) {
	null := []byte(c.null)
	switch {
	case c.format == "json":
		return appendJSON, nil
	case c.format != "":
		if !strings.ContainsAny(c.format, `%\`) {
			return nil, fmt.Errorf("--format %s: want json or a template: %s", c.format, formatHelp)
		}
		f, err := newTemplate(c.format, null)
		if err != nil {
			return nil, fmt.Errorf("--format: %w", err)
		}
		return f, nil
	case c.raw:
		return newDelimited("", "", null), nil
	}
	delimiter, err := unescape(c.delimiter)
	if err != nil {
		return nil, fmt.Errorf("--delimiter: %w", err)
	}
	keyDelimiter, err := unescape(c.keyDelimiter)
	if err != nil {
		return nil, fmt.Errorf("--key-delimiter: %w", err)
	}
	return newDelimited(keyDelimiter, delimiter, null), nil
}

func (c *consume) run(cmd *cobra.Command, args []string) error {
	format, err := c.formatter()
	if err != nil {
		return &usageError{err}
	}
	start, err := parseStart(c.offset, time.Now())
	if err != nil {
		return usagef("--offset: %w", err)
	}
	if c.count < 0 {
		return usagef("--count: want 0 or more")
	}
	if c.group.id != "" || cmd.Flags().Changed("group") {
		if err := c.group.check(start); err != nil {
			return &usageError{err}
		}
		return c.runMember(cmd, args[0], start, format)
	}
	if c.group.instance != "" {
		return usagef("--group-instance-id goes with --group")
	}
	client, err := c.conn.open(cmd.Context(), kgo.BrokerMaxReadBytes(1<<30))
	if err != nil {
		return err
	}
	defer client.Close()
	f, err := c.newFetcher(cmd.Context(), client, args[0], start)
	if err != nil {
		return err
	}
	widen(cmd.OutOrStdout())
	err = c.print(cmd.Context(), cmd.OutOrStdout(), f, format)
	if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
		return nil // an interrupt is how following ends
	}
	return err
}

func (c *consume) newFetcher(ctx context.Context, client *kgo.Client, topic string, start startPoint) (*fetcher, error) {
	ctx, cancel := context.WithTimeout(ctx, c.conn.timeout)
	defer cancel()
	id, partitions, err := lookUpTopic(ctx, adminClient{kadm.NewClient(client), client}, topic, c.partitions)
	if err != nil {
		return nil, err
	}
	f := &fetcher{client: client, topic: topic, topicID: id, maxWait: c.maxWait, timeout: c.conn.timeout, out: make(chan fetched, fetchQueueBatches)}
	if c.committed {
		f.isolation = readCommitted
	}
	f.positions, err = startPositions(ctx, client, topic, partitions, start, c.exit, f.isolation)
	return f, err
}

// print runs the fetcher and writes what it brings.
func (c *consume) print(ctx context.Context, w io.Writer, f *fetcher, format formatter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(map[int32]int64, len(f.positions))
	for _, p := range f.positions {
		ends[p.partition] = p.end
	}
	failed := make(chan error, 1)
	go func() { failed <- f.run(ctx) }()

	p := printer{w: w, format: format, left: c.count, decoder: batchDecoder{topic: f.topic, committed: c.committed, decompressor: kgo.DefaultDecompressor()}}
	for in := range f.out {
		if err := p.print(in, ends[in.partition], len(f.out) == 0); err != nil {
			cancel()
			<-failed
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
	}
	return <-failed
}

// printer turns batches into text.
type printer struct {
	w       io.Writer
	format  formatter
	decoder batchDecoder
	left    int64 // records until it is enough; 0: no limit
	text    []byte
}

// print prints a partition's batches up to end. It returns errStop when enough was printed.
func (p *printer) print(in fetched, end int64, flush bool) error {
	err := p.decoder.decode(in, end, func(r *consumed) (err error) {
		if p.text, err = p.format(p.text, r); err != nil {
			return err
		}
		if len(p.text) >= printBytes {
			if err := p.flush(); err != nil {
				return err
			}
		}
		if p.left > 0 {
			if p.left--; p.left == 0 {
				return errStop
			}
		}
		return nil
	})
	if err != nil || flush {
		if flushErr := p.flush(); flushErr != nil {
			return flushErr
		}
	}
	return err
}

func (p *printer) flush() error {
	if len(p.text) == 0 {
		return nil // a pipe may block even so
	}
	_, err := p.w.Write(p.text)
	p.text = p.text[:0]
	return err
}
