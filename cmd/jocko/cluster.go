package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func newCluster() *cobra.Command {
	return group("cluster", "Look at the cluster as a whole", newClusterDescribe())
}

// clusterDescription is what `cluster describe --format json` prints.
type clusterDescription struct {
	ClusterID  string              `json:"cluster_id"`
	Controller int32               `json:"controller"` // -1: none is known
	Protocol   string              `json:"protocol"`   // the Kafka release whose protocol the answering broker speaks
	Brokers    []brokerDescription `json:"brokers"`
	Features   map[string]int16    `json:"features"`
	Quorum     *quorumDescription  `json:"quorum"` // null: the cluster doesn't tell
}

type brokerDescription struct {
	ID     int32  `json:"id"`
	Host   string `json:"host"`
	Port   int32  `json:"port"`
	Rack   string `json:"rack"`
	Fenced bool   `json:"fenced"`
}

type quorumDescription struct {
	Leader        int32   `json:"leader"`
	LeaderEpoch   int32   `json:"leader_epoch"`
	HighWatermark int64   `json:"high_watermark"`
	Voters        []int32 `json:"voters"`
	Observers     []int32 `json:"observers"`
}

func newClusterDescribe() *cobra.Command {
	var conn connection
	var format outputFormat
	cmd := &cobra.Command{
		Use:   "describe",
		Short: "Show the cluster's id, controller, metadata quorum, features and brokers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return conn.admin(cmd.Context(), func(ctx context.Context, adm adminClient) error {
				d, err := describeCluster(ctx, adm)
				if err != nil {
					return err
				}
				if format.json() {
					return writeJSON(cmd.OutOrStdout(), d)
				}
				return d.print(cmd.OutOrStdout())
			})
		},
	}
	conn.addFlags(cmd)
	format.addFlag(cmd)
	return cmd
}

func describeCluster(ctx context.Context, adm adminClient) (*clusterDescription, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeFencedBrokers = true
	resp, err := req.RequestWith(ctx, adm.wire)
	if err != nil {
		return nil, err
	}
	if err := codeError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	d := &clusterDescription{ClusterID: resp.ClusterID, Controller: resp.ControllerID, Features: map[string]int16{}, Brokers: []brokerDescription{}}
	for _, b := range resp.Brokers {
		bd := brokerDescription{ID: b.NodeID, Host: b.Host, Port: b.Port, Fenced: b.IsFenced}
		if b.Rack != nil {
			bd.Rack = *b.Rack
		}
		d.Brokers = append(d.Brokers, bd)
	}
	slices.SortFunc(d.Brokers, func(a, b brokerDescription) int { return cmp.Compare(a.ID, b.ID) })
	if err := d.addVersions(ctx, adm); err != nil {
		return nil, err
	}
	d.Quorum = describeQuorum(ctx, adm)
	return d, nil
}

func (d *clusterDescription) addVersions(ctx context.Context, adm adminClient) error {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "jocko-cli", kafkaVersion
	resp, err := req.RequestWith(ctx, adm.wire)
	if err != nil {
		return err
	}
	d.Protocol = protocolRelease(resp)
	for _, f := range resp.FinalizedFeatures {
		d.Features[f.Name] = f.MaxVersionLevel
	}
	return nil
}

// protocolRelease guesses the Kafka release from the versions of the APIs that the broker has, whichever those are.
func protocolRelease(resp *kmsg.ApiVersionsResponse) string {
	served := map[int16]bool{}
	for _, k := range resp.ApiKeys {
		served[k.ApiKey] = true
	}
	var missing []int16
	for key := range int16(kmsg.MaxKey + 1) {
		if !served[key] {
			missing = append(missing, key)
		}
	}
	guess := kversion.FromApiVersionsResponse(resp).VersionGuess(kversion.SkipKeys(missing...))
	return strings.ReplaceAll(guess, "v", "")
}

// describeQuorum returns nil when the cluster doesn't answer: it may be old, or the caller may not be allowed to ask.
func describeQuorum(ctx context.Context, adm adminClient) *quorumDescription {
	p := kmsg.NewDescribeQuorumRequestTopicPartition()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic, t.Partitions = "__cluster_metadata", append(t.Partitions, p)
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, adm.wire)
	if err != nil || resp.ErrorCode != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil
	}
	q := resp.Topics[0].Partitions[0]
	if q.ErrorCode != 0 {
		return nil
	}
	return &quorumDescription{
		Leader: q.LeaderID, LeaderEpoch: q.LeaderEpoch, HighWatermark: q.HighWatermark,
		Voters: replicaIDs(q.CurrentVoters), Observers: replicaIDs(q.Observers),
	}
}

func replicaIDs(states []kmsg.DescribeQuorumResponseTopicPartitionReplicaState) []int32 {
	ids := []int32{}
	for _, s := range states {
		ids = append(ids, s.ReplicaID)
	}
	slices.Sort(ids)
	return ids
}

func (d *clusterDescription) print(w io.Writer) error {
	fmt.Fprintf(w, "cluster     %s\nprotocol    Kafka %s\ncontroller  %d\n", d.ClusterID, d.Protocol, d.Controller)
	if q := d.Quorum; q != nil {
		fmt.Fprintf(w, "quorum      leader %d, epoch %d, voters %s, observers %s\n", q.Leader, q.LeaderEpoch, joinIDs(q.Voters), joinIDs(q.Observers))
	}
	features := make(map[string]string, len(d.Features))
	for name, level := range d.Features {
		features[name] = strconv.Itoa(int(level))
	}
	fmt.Fprintf(w, "features    %s\n", orDash(joinConfigs(features)))
	var rows [][]string
	for _, b := range d.Brokers {
		state := "up"
		if b.Fenced {
			state = "fenced"
		}
		rows = append(rows, []string{strconv.Itoa(int(b.ID)), b.Host, strconv.Itoa(int(b.Port)), orDash(b.Rack), state})
	}
	return writeTable(w, []string{"BROKER", "HOST", "PORT", "RACK", "STATE"}, rows)
}
