package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// defaultMaxMessage is a topic's max.message.bytes when the cluster doesn't tell it; largestBatch bounds what it tells.
const (
	defaultMaxMessage = 1048588
	largestBatch      = 64 << 20
)

const produceLong = `Produce records from files or standard input.

The input is cut at each --delimiter; the delimiter isn't part of a record. What follows the last one is a record too, so
"a\nb" and "a\nb\n" are the same two records. Everything else is taken as it is, byte for byte. With --raw the input is
cut after every --raw-bytes bytes instead, so that jocko consume --raw returns the very same stream. With --whole each
file is one record. With --format json each line is an object as jocko consume --format json writes them.

Records with a key go where Kafka's own clients put that key; those without fill one partition's batch after another.
Order is kept within a partition. An interrupt ends the input, sends what was read and says how much it was.`

type produce struct {
	conn         connection
	format       string
	delimiter    string
	keyDelimiter string
	key          string
	null         string
	headers      []string
	partition    int32
	raw, whole   bool
	rawBytes     int
	codec        string
	level        int
	acks         string
	idempotent   bool
	inFlight     int
	batchBytes   int
	linger       time.Duration
	deadline     time.Duration
	quiet        bool
}

func newProduce() *cobra.Command {
	var c produce
	cmd := &cobra.Command{
		Use:   "produce TOPIC [FILE...]",
		Short: "Produce records from files or standard input",
		Long:  produceLong,
		Example: `  echo hello | jocko produce greetings
  jocko produce orders --key-delimiter : --codec zstd < orders.txt
  jocko produce images --whole *.png
  jocko consume orders --exit --format json | jocko produce copy --format json`,
		Args:              needs("TOPIC"),
		ValidArgsFunction: c.complete,
		RunE:              c.run,
	}
	f := cmd.Flags()
	f.StringVarP(&c.format, "format", "f", "lines", "what the input is: `lines` or json")
	f.StringVarP(&c.delimiter, "delimiter", "D", `\n`, `what parts records; escapes: \n \r \t \0 \xHH`)
	f.StringVarP(&c.keyDelimiter, "key-delimiter", "K", "", "what parts a record's key from its value; a record without it has no key")
	f.StringVarP(&c.key, "key", "k", "", "key of every record that has none")
	f.StringVar(&c.null, "null", "", "a key or value that equals this is null (default: none is; '' makes empty ones null)")
	f.StringArrayVarP(&c.headers, "header", "H", nil, "header of every record as `key=value`; may be repeated")
	f.Int32VarP(&c.partition, "partition", "p", -1, "partition of every record (-1: by the key, or any)")
	f.BoolVar(&c.raw, "raw", false, "cut the input by size alone")
	f.IntVar(&c.rawBytes, "raw-bytes", 1<<19, "size of the records that --raw makes")
	f.BoolVar(&c.whole, "whole", false, "make one record of each file, or of standard input")
	f.StringVarP(&c.codec, "codec", "z", "none", "compression: `none`, gzip, snappy, lz4 or zstd")
	f.IntVar(&c.level, "level", 0, "compression level (0: the codec's default)")
	f.StringVarP(&c.acks, "acks", "a", "all", "who must have a record before it counts as sent: `all` in-sync replicas, 1 (the leader), 0 (nobody)")
	f.BoolVar(&c.idempotent, "idempotent", true, "keep order, without duplicates, when requests are sent again; needs --acks all")
	f.IntVar(&c.inFlight, "in-flight", 0, "requests under way at a time, per partition (0: 5 if idempotent, else 1 so that order is kept)")
	f.IntVar(&c.batchBytes, "batch-bytes", 0, "largest batch, and so record (0: the topic's max.message.bytes)")
	f.DurationVar(&c.linger, "linger", 5*time.Millisecond, "how long to wait for more input before a batch is sent that isn't full")
	f.DurationVar(&c.deadline, "delivery-timeout", 30*time.Second, "how long to go on sending records that aren't acknowledged")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "say nothing when all went well")
	cmd.MarkFlagsMutuallyExclusive("raw", "whole", "delimiter")
	cmd.MarkFlagsMutuallyExclusive("raw", "key-delimiter")
	cmd.MarkFlagsMutuallyExclusive("whole", "key-delimiter")
	completeWords(cmd, "format", "lines", "json")
	completeWords(cmd, "codec", "none", "gzip", "snappy", "lz4", "zstd")
	completeWords(cmd, "acks", "all", "1", "0")
	c.conn.addFlags(cmd)
	return cmd
}

// complete offers topics first, files after.
func (c *produce) complete(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return completeTopics(&c.conn, 1)(cmd, args, prefix)
}

// producePlan is what the flags come to.
type producePlan struct {
	parser     lineParser
	delimiter  []byte
	acks       int16
	compressor kgo.Compressor
}

func (c *produce) plan(cmd *cobra.Command) (*producePlan, error) {
	p := &producePlan{parser: lineParser{partition: c.partition, json: c.format == "json"}}
	if c.format != "json" && c.format != "lines" {
		return nil, fmt.Errorf("--format %s: want lines or json", c.format)
	}
	if p.parser.json && (c.raw || c.whole || c.keyDelimiter != "" || c.null != "") {
		return nil, errors.New("--format json goes without --raw, --whole, --key-delimiter and --null")
	}
	delimiter, err := unescape(c.delimiter)
	if err != nil {
		return nil, fmt.Errorf("--delimiter: %w", err)
	}
	if delimiter == "" {
		return nil, errors.New("--delimiter is empty: --raw cuts the input by size, --whole not at all")
	}
	p.delimiter = []byte(delimiter)
	keyDelimiter, err := unescape(c.keyDelimiter)
	if err != nil {
		return nil, fmt.Errorf("--key-delimiter: %w", err)
	}
	p.parser.keyDelimiter = []byte(keyDelimiter)
	if cmd.Flags().Changed("key") {
		p.parser.key = []byte(c.key)
	}
	if cmd.Flags().Changed("null") {
		p.parser.null = []byte(c.null)
	}
	if p.parser.headers, err = parseHeaders(c.headers); err != nil {
		return nil, fmt.Errorf("--header: %w", err)
	}
	if p.compressor, err = newCompressor(c.codec, c.level); err != nil {
		return nil, fmt.Errorf("--codec: %w", err)
	}
	if p.acks, err = parseAcks(c.acks); err != nil {
		return nil, fmt.Errorf("--acks: %w", err)
	}
	return p, c.settle(cmd, p.acks)
}

// settle fills in what follows from other flags, and refuses what doesn't go together.
func (c *produce) settle(cmd *cobra.Command, acks int16) error {
	if acks != -1 {
		if cmd.Flags().Changed("idempotent") && c.idempotent {
			return errors.New("--idempotent needs --acks all")
		}
		c.idempotent = false
	}
	switch {
	case c.inFlight < 0 || c.inFlight > 5 && c.idempotent:
		return errors.New("--in-flight: want 1 to 5 for an idempotent producer")
	case c.inFlight == 0 && c.idempotent:
		c.inFlight = 5
	case c.inFlight == 0:
		c.inFlight = 1
	}
	if c.rawBytes < 1 {
		return errors.New("--raw-bytes: want a number above 0")
	}
	if c.batchBytes < 0 {
		return errors.New("--batch-bytes: want 0 or more")
	}
	return nil
}

func parseAcks(s string) (int16, error) {
	switch s {
	case "all", "-1":
		return -1, nil
	case "1":
		return 1, nil
	case "0":
		return 0, nil
	}
	return 0, fmt.Errorf("%q: want all, 1 or 0", s)
}

func (c *produce) run(cmd *cobra.Command, args []string) error {
	plan, err := c.plan(cmd)
	if err != nil {
		return &usageError{err}
	}
	inputs, closeInputs, err := openInputs(cmd.InOrStdin(), args[1:])
	if err != nil {
		return err
	}
	defer closeInputs()
	opts := []kgo.Opt{kgo.BrokerMaxWriteBytes(2 * largestBatch)}
	if plan.acks == 0 {
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	}
	client, err := c.conn.open(cmd.Context(), opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	target, err := c.findTarget(cmd.Context(), client, args[0])
	if err != nil {
		return err
	}
	if !c.quiet && len(args) == 1 && isTerminal(cmd.InOrStdin()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "one record a line; Ctrl-D ends")
	}
	pipeline := &producePipeline{command: c, plan: plan, client: client, target: target, started: time.Now()}
	stop := func() {}
	if !c.quiet && !isTerminal(cmd.InOrStdin()) {
		stop = showProgress(cmd.ErrOrStderr(), pipeline.progress)
	}
	err = pipeline.run(cmd.Context(), inputs)
	stop()
	if !c.quiet || err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), pipeline.summary())
	}
	return err
}

// openInputs opens the files, or takes standard input when there are none.
func openInputs(stdin io.Reader, names []string) (inputs []io.Reader, closeAll func(), err error) {
	var files []*os.File
	closeAll = func() {
		for _, f := range files {
			f.Close()
		}
	}
	widen(stdin)
	if len(names) == 0 {
		return []io.Reader{stdin}, closeAll, nil
	}
	for _, name := range names {
		if name == "-" {
			inputs = append(inputs, stdin)
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		files = append(files, f)
		inputs = append(inputs, f)
	}
	return inputs, closeAll, nil
}

// produceTarget is what must be known about a topic before records can be sent to it.
type produceTarget struct {
	topic    string
	id       [16]byte
	leaders  []int32 // by partition
	maxBytes int     // of a batch
	identity producerIdentity
}

func (c *produce) findTarget(ctx context.Context, client *kgo.Client, topic string) (*produceTarget, error) {
	ctx, cancel := context.WithTimeout(ctx, c.conn.timeout)
	defer cancel()
	t, err := awaitTopic(ctx, client, topic)
	if err != nil {
		return nil, err
	}
	if len(t.Partitions) == 0 {
		return nil, fmt.Errorf("topic %s has no partitions", topic)
	}
	if int(c.partition) >= len(t.Partitions) {
		return nil, fmt.Errorf("topic %s has %s: there is no partition %d", topic, plural(int64(len(t.Partitions)), "partition"), c.partition)
	}
	target := &produceTarget{topic: topic, id: t.TopicID, leaders: make([]int32, len(t.Partitions)), identity: producerIdentity{-1, -1}}
	for _, p := range t.Partitions {
		target.leaders[p.Partition] = p.Leader
	}
	if target.maxBytes = c.batchBytes; target.maxBytes == 0 {
		target.maxBytes = maxMessageBytes(ctx, adminClient{kadm.NewClient(client), client}, topic)
	}
	if c.idempotent {
		target.identity, err = initProducer(ctx, client)
	}
	return target, err
}

// creationPatience is how long to wait for a topic that the cluster may be about to create because it was asked for.
const creationPatience = 2 * time.Second

// awaitTopic returns a topic that has a leader for each partition. The request may be what creates it.
func awaitTopic(ctx context.Context, client *kgo.Client, topic string) (*kmsg.MetadataResponseTopic, error) {
	began := time.Now()
	var last error
	for {
		t, err := requestTopic(ctx, client, topic, true)
		if err == nil {
			slices.SortFunc(t.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
			if !slices.ContainsFunc(t.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader < 0 }) {
				return t, nil
			}
			err = fmt.Errorf("topic %s: %w", topic, kerr.LeaderNotAvailable)
		}
		if ctx.Err() != nil && last != nil {
			return nil, last
		}
		if last = err; !retriable(err) || errors.Is(err, kerr.UnknownTopicOrPartition) && time.Since(began) > creationPatience {
			return nil, err
		}
		select {
		case <-time.After(sendBackoff):
		case <-ctx.Done():
			return nil, last
		}
	}
}

// maxMessageBytes returns how large a batch the topic takes. Not being allowed to ask isn't a failure.
func maxMessageBytes(ctx context.Context, adm adminClient, topic string) int {
	const key = "max.message.bytes"
	found, err := describeConfigs(ctx, adm, topicResources([]string{topic}), []string{key}, false)
	if err == nil {
		for _, e := range found[0].Configs {
			if n, err := strconv.Atoi(e.valueText()); e.Key == key && err == nil && n > 0 {
				return min(n, largestBatch)
			}
		}
	}
	return defaultMaxMessage
}

func initProducer(ctx context.Context, client *kgo.Client) (producerIdentity, error) {
	for {
		resp, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err == nil {
			return producerIdentity{resp.ProducerID, resp.ProducerEpoch}, nil
		}
		if ctx.Err() != nil || !retriable(err) {
			return producerIdentity{}, fmt.Errorf("getting a producer id (not needed with --idempotent=false): %w", err)
		}
		select {
		case <-time.After(sendBackoff):
		case <-ctx.Done():
		}
	}
}

// producePipeline runs input, batching and sending beside each other.
type producePipeline struct {
	command *produce
	plan    *producePlan
	client  *kgo.Client
	target  *produceTarget
	started time.Time
	sent    atomic.Int64 // records acknowledged (written, with acks 0)
	bytes   atomic.Int64 // of their keys and values
}

func (p *producePipeline) run(ctx context.Context, inputs []io.Reader) error {
	// What was read before an interrupt is still sent.
	g, sending := errgroup.WithContext(context.WithoutCancel(ctx))
	outs := make([]chan<- *batch, len(p.target.leaders))
	var b *batcher
	for i, leader := range p.target.leaders {
		ch := make(chan *batch, p.command.inFlight)
		outs[i] = ch
		s := &batchSender{
			client: p.client, topic: p.target.topic, topicID: p.target.id, partition: int32(i), leader: leader, in: ch,
			acks: p.plan.acks, inFlight: p.command.inFlight, deadline: p.command.deadline, timeout: p.command.conn.timeout,
			acked: func(sent *batch) {
				p.sent.Add(int64(sent.count))
				p.bytes.Add(sent.bytes)
				b.done(sent)
			},
		}
		g.Go(func() error { return s.run(sending) })
	}
	b = newBatcher(p.target.topic, outs, p.target.maxBytes, p.plan.compressor, p.target.identity)
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	var inputErr error
	g.Go(func() error {
		defer func() {
			for _, out := range outs {
				close(out)
			}
		}()
		var err error
		inputErr, err = p.batch(reading, sending, b, inputs)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return inputErr
}

// batch reads the inputs to their end and returns what was wrong with them: what was fine is still sent. Its own error
// is one of sending.
func (p *producePipeline) batch(reading, sending context.Context, b *batcher, inputs []io.Reader) (inputErr, err error) {
	r := p.reader()
	go r.run(reading, inputs)
	linger := time.NewTimer(p.command.linger)
	defer linger.Stop()
	var m message
	for {
		select {
		case c, ok := <-r.chunks:
			if !ok {
				return r.err, b.flush(sending)
			}
			p.plan.parser.now = time.Now().UnixMilli()
			inputErr = r.split(c, func(record []byte) error {
				if err := p.plan.parser.parse(record, &m); err != nil {
					return fmt.Errorf("record %d: %w", b.records+1, err)
				}
				return b.add(sending, &m)
			})
			r.done(c)
			if sending.Err() != nil {
				return nil, context.Cause(sending)
			}
			if inputErr != nil {
				return inputErr, b.flush(sending)
			}
			linger.Reset(p.command.linger)
		case <-linger.C:
			if err := b.flush(sending); err != nil {
				return nil, err
			}
		case <-reading.Done():
			return reading.Err(), b.flush(sending)
		case <-sending.Done():
			return nil, context.Cause(sending)
		}
	}
}

func (p *producePipeline) reader() *chunkReader {
	switch {
	case p.command.raw:
		return newChunkReader(nil, p.command.rawBytes)
	case p.command.whole:
		return newWholeReader(p.target.maxBytes)
	case p.plan.parser.json:
		return newChunkReader([]byte("\n"), 4*p.target.maxBytes) // text may be longer than what it encodes
	}
	return newChunkReader(p.plan.delimiter, p.target.maxBytes)
}

func (p *producePipeline) progress() string {
	records, bytes := p.sent.Load(), p.bytes.Load()
	return fmt.Sprintf("sent %s, %s (%s)", plural(records, "record"), humanBytes(bytes), rate(records, bytes, time.Since(p.started)))
}

func (p *producePipeline) summary() string {
	records, bytes, took := p.sent.Load(), p.bytes.Load(), time.Since(p.started)
	return fmt.Sprintf("sent %s, %s, to %s in %v (%s)",
		plural(records, "record"), humanBytes(bytes), p.target.topic, took.Round(time.Millisecond), rate(records, bytes, took))
}
