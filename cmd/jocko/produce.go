package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
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
