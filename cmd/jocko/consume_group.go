package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupFlags are the flags of a consumer that is a member of a group.
type groupFlags struct {
	id       string
	protocol string // classic or consumer
	instance string // group.instance.id; empty: a dynamic member
}

func (g *groupFlags) addFlags(cmd *cobra.Command, conn *connection) {
	f := cmd.Flags()
	f.StringVarP(&g.id, "group", "g", "", "join this `group`, and commit what was printed")
	f.StringVar(&g.protocol, "group-protocol", groupClassic, "how to be a member: `classic` or consumer (KIP-848)")
	f.StringVar(&g.instance, "group-instance-id", "",
		"be the static member with this `id`, which keeps its partitions until its session times out")
	cmd.MarkFlagsMutuallyExclusive("group", "partition")
	completeWords(cmd, "group-protocol", groupClassic, groupConsumer)
	complete := func(cmd *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return namesWith(prefix, nil, conn.groupNames(cmd.Context())), cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc("group", complete); err != nil {
		panic("BUG: " + err.Error())
	}
}

func (g *groupFlags) check(start startPoint) error {
	switch {
	case g.id == "":
		return fmt.Errorf("--group: want a name")
	case g.protocol != groupClassic && g.protocol != groupConsumer:
		return fmt.Errorf("--group-protocol %s: want %s or %s", g.protocol, groupClassic, groupConsumer)
	case start.absolute || start.back > 0:
		return fmt.Errorf("--offset: with --group, want beginning, end or @TIME")
	}
	return nil
}

// clientOptions make a client that is a member, and doesn't commit by itself. A classic member offers what Kafka's own
// consumer offers, in the same order, so that both can be in one group.
func (g *groupFlags) clientOptions(topic string) []kgo.Opt {
	opts := []kgo.Opt{kgo.ConsumerGroup(g.id), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit()}
	if g.instance != "" {
		opts = append(opts, kgo.InstanceID(g.instance))
	}
	if g.protocol == groupConsumer {
		return append(opts, kgo.ServerSideBalancer(), kgo.Balancers(kgo.CooperativeStickyBalancer()))
	}
	return append(opts, kgo.Balancers(kgo.RangeBalancer(), kgo.CooperativeStickyBalancer()))
}

// supported refuses a cluster that doesn't serve the group protocol: the client would quietly take another one, or none.
func (g *groupFlags) supported(ctx context.Context, client *kgo.Client) error {
	key, version := kmsg.JoinGroup, int16(0)
	if g.protocol == groupConsumer {
		key, version = kmsg.ConsumerGroupHeartbeat, 1
	}
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, k := range resp.ApiKeys {
		if k.ApiKey == int16(key) && k.MaxVersion >= version {
			return nil
		}
	}
	return fmt.Errorf("the cluster doesn't serve %s groups: %w", g.protocol, kerr.UnsupportedVersion)
}

// runMember reads as a member of a group. One client reads, another keeps up the membership: which records go out, and
// what is committed, is then as exact as without a group.
func (c *consume) runMember(cmd *cobra.Command, topic string, start startPoint, format formatter) error {
	client, err := c.conn.open(cmd.Context(), kgo.BrokerMaxReadBytes(1<<30))
	if err != nil {
		return err
	}
	defer client.Close()
	m := newMember(client, c.group, topic, start)
	m.maxWait, m.timeout = c.maxWait, c.conn.timeout
	if c.committed {
		m.isolation = readCommitted
	}
	m.printer = printer{
		w: cmd.OutOrStdout(), format: format, left: c.count,
		decoder: batchDecoder{topic: topic, committed: c.committed, decompressor: kgo.DefaultDecompressor()},
	}
	if err := c.prepareMember(cmd.Context(), m); err != nil {
		return err
	}
	widen(cmd.OutOrStdout())
	membership, err := c.conn.open(cmd.Context(), append(c.group.clientOptions(topic), m.callbacks()...)...)
	if err != nil {
		return err
	}
	defer membership.Close()
	return m.run(cmd.Context(), membership)
}

// prepareMember looks up what must be known before the group is joined, so that nobody is disturbed for nothing.
func (c *consume) prepareMember(ctx context.Context, m *member) error {
	ctx, cancel := context.WithTimeout(ctx, c.conn.timeout)
	defer cancel()
	if err := c.group.supported(ctx, m.client); err != nil {
		return err
	}
	id, partitions, err := lookUpTopic(ctx, adminClient{kadm.NewClient(m.client), m.client}, m.topic, nil)
	if err != nil {
		return err
	}
	m.topicID = id
	if c.exit {
		return m.stopAtEnd(ctx, partitions)
	}
	return nil
}
