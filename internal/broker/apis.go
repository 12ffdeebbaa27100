package broker

import (
	"context"

	"github.com/travisjeffery/jocko/internal/metrics"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/server"
)

// An api is one row of the table of what is served.
type api struct {
	key protocol.Key
	min int16 // what ApiVersions says
	// served is the lowest version really served: Produce says 0 and serves 3
	// (librdkafka takes a broker without Produce v0 for one without codecs,
	// KAFKA-18659).
	served int16
	max    int16

	// handle answers at once, after every earlier request of the connection
	// was answered. An error ends the connection.
	handle func(context.Context, *Broker, *Request) (protocol.Message, error)
	// overlapping begins a request whose waiting may overlap with that of the
	// requests after it: Produce and Fetch alone (design decision 21).
	overlapping func(*Broker, *Request) (server.Finish, error)

	telemetry bool // served only where client metrics have a receiver

	metrics *metrics.API
}

// table is what is served, in the order of the keys. ApiVersions, the request
// metrics and docs/apis.md come from it.
func table() []api {
	return []api{
		{key: protocol.Produce, min: 0, served: 3, max: 13, overlapping: (*Broker).produce},
		{key: protocol.Fetch, min: 4, served: 4, max: 18, overlapping: (*Broker).fetch},
		{key: protocol.ListOffsets, min: 1, served: 1, max: 11, handle: on((*Broker).listOffsets)},
		{key: protocol.Metadata, min: 0, served: 0, max: 13, handle: on((*Broker).metadata)},
		{key: protocol.OffsetCommit, min: 2, served: 2, max: 10, handle: on((*Broker).offsetCommit)},
		{key: protocol.OffsetFetch, min: 1, served: 1, max: 10, handle: on((*Broker).offsetFetch)},
		{key: protocol.FindCoordinator, min: 0, served: 0, max: 6, handle: on((*Broker).findCoordinator)},
		{key: protocol.JoinGroup, min: 0, served: 0, max: 9, handle: on((*Broker).joinGroup)},
		{key: protocol.Heartbeat, min: 0, served: 0, max: 4, handle: on((*Broker).heartbeat)},
		{key: protocol.LeaveGroup, min: 0, served: 0, max: 5, handle: on((*Broker).leaveGroup)},
		{key: protocol.SyncGroup, min: 0, served: 0, max: 5, handle: on((*Broker).syncGroup)},
		{key: protocol.DescribeGroups, min: 0, served: 0, max: 6, handle: on((*Broker).describeGroups)},
		{key: protocol.ListGroups, min: 0, served: 0, max: 5, handle: on((*Broker).listGroups)},
		{key: protocol.ApiVersions, min: 0, served: 0, max: 5, handle: on((*Broker).apiVersions)},
		{key: protocol.CreateTopics, min: 2, served: 2, max: 7, handle: on((*Broker).createTopics)},
		{key: protocol.DeleteTopics, min: 1, served: 1, max: 6, handle: on((*Broker).deleteTopics)},
		{key: protocol.DeleteRecords, min: 0, served: 0, max: 2, handle: on((*Broker).deleteRecords)},
		{key: protocol.InitProducerId, min: 0, served: 0, max: 5, handle: on((*Broker).initProducerID)},
		{key: protocol.OffsetForLeaderEpoch, min: 2, served: 2, max: 4, handle: on((*Broker).offsetForLeaderEpoch)},
		{key: protocol.AddPartitionsToTxn, min: 0, served: 0, max: 5, handle: on((*Broker).addPartitionsToTxn)},
		{key: protocol.AddOffsetsToTxn, min: 0, served: 0, max: 4, handle: on((*Broker).addOffsetsToTxn)},
		{key: protocol.EndTxn, min: 0, served: 0, max: 5, handle: on((*Broker).endTxn)},
		{key: protocol.WriteTxnMarkers, min: 1, served: 1, max: 2, handle: on((*Broker).writeTxnMarkers)},
		{key: protocol.TxnOffsetCommit, min: 0, served: 0, max: 6, handle: on((*Broker).txnOffsetCommit)},
		{key: protocol.DescribeAcls, min: 1, served: 1, max: 3, handle: on((*Broker).describeACLs)},
		{key: protocol.CreateAcls, min: 1, served: 1, max: 3, handle: on((*Broker).createACLs)},
		{key: protocol.DeleteAcls, min: 1, served: 1, max: 3, handle: on((*Broker).deleteACLs)},
		{key: protocol.DescribeConfigs, min: 1, served: 1, max: 4, handle: on((*Broker).describeConfigs)},
		{key: protocol.AlterConfigs, min: 0, served: 0, max: 2, handle: on((*Broker).alterConfigs)},
		{key: protocol.AlterReplicaLogDirs, min: 1, served: 1, max: 2, handle: on((*Broker).alterReplicaLogDirs)},
		{key: protocol.DescribeLogDirs, min: 1, served: 1, max: 5, handle: on((*Broker).describeLogDirs)},
		{key: protocol.CreatePartitions, min: 0, served: 0, max: 3, handle: on((*Broker).createPartitions)},
		{key: protocol.DeleteGroups, min: 0, served: 0, max: 3, handle: on((*Broker).deleteGroups)},
		{key: protocol.ElectLeaders, min: 0, served: 0, max: 2, handle: on((*Broker).electLeaders)},
		{key: protocol.IncrementalAlterConfigs, min: 0, served: 0, max: 1, handle: on((*Broker).incrementalAlterConfigs)},
		{key: protocol.AlterPartitionReassignments, min: 0, served: 0, max: 1, handle: on((*Broker).alterPartitionReassignments)},
		{key: protocol.ListPartitionReassignments, min: 0, served: 0, max: 0, handle: on((*Broker).listPartitionReassignments)},
		{key: protocol.OffsetDelete, min: 0, served: 0, max: 0, handle: on((*Broker).offsetDelete)},
		{key: protocol.DescribeQuorum, min: 0, served: 0, max: 2, handle: on((*Broker).describeQuorum)},
		{key: protocol.UpdateFeatures, min: 0, served: 0, max: 2, handle: on((*Broker).updateFeatures)},
		{key: protocol.DescribeCluster, min: 0, served: 0, max: 2, handle: on((*Broker).describeCluster)},
		{key: protocol.DescribeProducers, min: 0, served: 0, max: 0, handle: on((*Broker).describeProducers)},
		{key: protocol.DescribeTransactions, min: 0, served: 0, max: 0, handle: on((*Broker).describeTransactions)},
		{key: protocol.ListTransactions, min: 0, served: 0, max: 2, handle: on((*Broker).listTransactions)},
		{key: protocol.ConsumerGroupHeartbeat, min: 0, served: 0, max: 1, handle: on((*Broker).consumerGroupHeartbeat)},
		{key: protocol.ConsumerGroupDescribe, min: 0, served: 0, max: 1, handle: on((*Broker).consumerGroupDescribe)},
		{key: protocol.GetTelemetrySubscriptions, min: 0, served: 0, max: 0, handle: on((*Broker).getTelemetrySubscriptions), telemetry: true},
		{key: protocol.PushTelemetry, min: 0, served: 0, max: 0, handle: on((*Broker).pushTelemetry), telemetry: true},
		{key: protocol.ListConfigResources, min: 0, served: 0, max: 1, handle: on((*Broker).listConfigResources)},
		{key: protocol.DescribeTopicPartitions, min: 0, served: 0, max: 0, handle: on((*Broker).describeTopicPartitions)},
	}
}

// message is a generated request type: a pointer to T that decodes.
type message[T any] interface {
	*T
	protocol.Message
}

// on makes a row's handle out of a method that takes the decoded request.
func on[T any, M message[T], R protocol.Message](h func(*Broker, context.Context, *Request, M) R) func(context.Context, *Broker, *Request) (protocol.Message, error) {
	return func(ctx context.Context, b *Broker, rq *Request) (protocol.Message, error) {
		m := M(new(T))
		if err := rq.decode(m); err != nil {
			return nil, err
		}
		return h(b, ctx, rq, m), nil
	}
}
