package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	defaultBootstrap = "127.0.0.1:9092"
	bootstrapEnv     = "JOCKO_BOOTSTRAP"
	defaultTimeout   = 5 * time.Second
)

// connection holds the flags of a command that talks to a cluster, and opens its clients.
type connection struct {
	bootstrap string        // comma separated host:port; empty: $JOCKO_BOOTSTRAP, then defaultBootstrap
	timeout   time.Duration // for one request, dialling and retries included
}

func (c *connection) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.bootstrap, "bootstrap", "",
		"`host:port` of one or more brokers, comma separated (default $"+bootstrapEnv+" or "+defaultBootstrap+")")
	cmd.Flags().DurationVar(&c.timeout, "timeout", defaultTimeout, "how long a request may take")
	_ = cmd.RegisterFlagCompletionFunc("bootstrap", cobra.NoFileCompletions)
}

// addresses returns the bootstrap addresses in the order they are tried.
func (c *connection) addresses() []string {
	s := c.bootstrap
	if s == "" {
		s = os.Getenv(bootstrapEnv)
	}
	if s == "" {
		s = defaultBootstrap
	}
	var addrs []string
	for addr := range strings.SplitSeq(s, ",") {
		if addr = strings.TrimSpace(addr); addr != "" {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// open returns a client of a cluster that has answered. The caller closes it.
func (c *connection) open(ctx context.Context, opts ...kgo.Opt) (*kgo.Client, error) {
	addrs := c.addresses()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addrs...),
		kgo.ClientID("jocko-cli"),
		kgo.SoftwareNameAndVersion("jocko-cli", kafkaVersion),
		kgo.DialTimeout(c.timeout),
		kgo.RetryTimeout(c.timeout),
		kgo.RequestTimeoutOverhead(max(c.timeout, 100*time.Millisecond)),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.DisableClientMetrics(),
	}, opts...)...)
	if err != nil {
		return nil, usagef("--bootstrap %s: %w", strings.Join(addrs, ","), err)
	}
	pingCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := client.Ping(pingCtx); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &unreachableError{addrs, c.timeout, err}
	}
	return client, nil
}

// adminClient is kadm's client, with the one below it for requests that kadm doesn't make.
type adminClient struct {
	*kadm.Client
	wire *kgo.Client
}

// admin runs f with an admin client, under one deadline for all that f does.
func (c *connection) admin(ctx context.Context, f func(context.Context, adminClient) error) error {
	client, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	deadline, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	adm := adminClient{kadm.NewClient(client), client}
	adm.SetTimeoutMillis(c.timeoutMillis())
	err = plainError(f(deadline, adm))
	if err != nil && deadline.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %v (see --timeout): %w", c.timeout, err)
	}
	return err
}

// plainError drops kadm's words on how it split a request among brokers, and keeps what they said, each thing once.
func plainError(err error) error {
	var split *kadm.ShardErrors
	if !errors.As(err, &split) || len(split.Errs) == 0 {
		return err
	}
	var errs []error
	for _, e := range split.Errs {
		if !slices.ContainsFunc(errs, func(known error) bool { return known.Error() == e.Err.Error() }) {
			errs = append(errs, e.Err)
		}
	}
	return errors.Join(errs...)
}

// timeoutMillis is the timeout as requests carry it.
func (c *connection) timeoutMillis() int32 { return int32(min(c.timeout.Milliseconds(), 1<<30)) }

// unreachableError says that none of the bootstrap addresses led to a broker.
type unreachableError struct {
	addrs   []string
	timeout time.Duration
	err     error
}

func (e *unreachableError) Unwrap() error { return e.err }

func (e *unreachableError) Error() string {
	at := strings.Join(e.addrs, ", ")
	var dns *net.DNSError
	var firstRead *kgo.ErrFirstReadEOF
	switch {
	case errors.Is(e.err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no broker answers at %s: is it running?", at)
	case errors.As(e.err, &dns):
		return fmt.Sprintf("no broker answers at %s: the host name %s is not known", at, dns.Name)
	case errors.Is(e.err, context.DeadlineExceeded), errors.Is(e.err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("no broker answers at %s within %v: is it a Kafka port?", at, e.timeout)
	case errors.As(e.err, &firstRead), errors.Is(e.err, io.EOF), errors.Is(e.err, syscall.ECONNRESET):
		return fmt.Sprintf("%s hangs up on a plain-text Kafka client: is it a Kafka port, and one without TLS and SASL?", at)
	}
	return fmt.Sprintf("no broker answers at %s: %v", at, e.err)
}

// hints says what to do about an error code of the broker.
var hints = map[*kerr.Error]string{
	kerr.UnknownTopicOrPartition:  "See what exists with `jocko topic list`, or create it with `jocko topic create`.",
	kerr.TopicAlreadyExists:       "Add --if-not-exists to accept that, or change it with `jocko topic alter`.",
	kerr.InvalidReplicationFactor: "There must be at least as many live brokers as replicas: see `jocko cluster describe`.",
	kerr.InvalidPartitions:        "A topic's partitions can be added to but not taken away: see `jocko topic describe`.",
	kerr.MessageTooLarge:          "Raise the topic's limit with `jocko config set topic NAME max.message.bytes=BYTES`.",
	kerr.NotEnoughReplicas:        "Fewer replicas are in sync than min.insync.replicas asks for: see `jocko topic describe`.",
	kerr.LeaderNotAvailable:       "A partition has no leader: see `jocko topic describe` and `jocko cluster describe`.",
	kerr.UnsupportedVersion:       "The cluster is too old, or too new, for this request.",
	kerr.OffsetOutOfRange:         "See which offsets each partition has with `jocko partition offsets TOPIC`; --partition reads one.",
	kerr.KafkaStorageError:        "The broker can't use its disk: see its log.",
	kerr.GroupIDNotFound:          "See what exists with `jocko group list`.",
	kerr.NonEmptyGroup:            "Stop its members first: `jocko group describe GROUP` names them.",
	kerr.GroupSubscribedToTopic:   "Its members still read that topic: stop them first.",
	kerr.TransactionalIDNotFound:  "See what exists with `jocko txn list`.",
	kerr.InvalidConfig:            "See the keys that exist with `jocko config describe TYPE NAME --all`.",
}

// hintFor returns a next step to take after err, or nothing.
func hintFor(err error) string {
	var unreachable *unreachableError
	if errors.As(err, &unreachable) {
		return "Start one with `jocko server`, or name another with --bootstrap host:port."
	}
	var code *kerr.Error
	if errors.As(err, &code) {
		return hints[code]
	}
	if isTooOld(err) {
		return "This cluster doesn't offer that request."
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return "That broker is down, or the cluster names an address for it that can't be reached from here: see its advertised.listeners."
	}
	return ""
}

// isTooOld tells that the cluster doesn't know the request, an error for which kgo has no name.
func isTooOld(err error) bool { return strings.Contains(err.Error(), "broker is too old") }

// codeError turns an error code of a response, and the broker's words for it, into an error.
func codeError(code int16, message *string) error {
	if message == nil {
		return kerr.ErrorForCode(code)
	}
	return withMessage(kerr.ErrorForCode(code), *message)
}

// brokerError is an error code with the broker's own explanation of this case.
type brokerError struct {
	code    *kerr.Error
	message string
}

func (e *brokerError) Error() string { return e.code.Message + ": " + e.message }
func (e *brokerError) Unwrap() error { return e.code }

// withMessage adds the broker's explanation to an error code that kadm parsed.
func withMessage(err error, message string) error {
	var known *kerr.Error
	if message == "" || !errors.As(err, &known) {
		return err
	}
	return &brokerError{known, message}
}
