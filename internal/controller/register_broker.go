package controller

import (
	"context"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// RegisterBroker registers this node's broker in a new epoch, not fenced: with
// one node the controller that decides this is itself the proof of life. A
// cluster that has no id yet gets clusterID and its first records. It returns
// the broker epoch.
func (c *Controller) RegisterBroker(ctx context.Context, clusterID string, broker metadata.Broker) (epoch int64, err error) {
	return ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, int64) {
		return registerBroker(img, clusterID, broker)
	})
}

func registerBroker(img *metadata.Image, clusterID string, broker metadata.Broker) ([]metadata.Record, int64) {
	var records []metadata.Record
	if img.ClusterID() == "" {
		records = newCluster(clusterID)
	}
	broker.Epoch = img.LastBrokerEpoch() + 1
	for _, f := range Features {
		broker.Features = append(broker.Features, metadata.SupportedFeature{Name: f.Name, Min: f.Min, Max: f.Max})
	}
	records = append(records, broker.Record())
	return append(records, leadAgain(img, broker.ID)...), broker.Epoch
}

// leadAgain gives the partitions of a broker that came back, and that nobody
// else is in sync for, a leader in a new epoch: whatever the old incarnation
// promised to whom ended with it.
func leadAgain(img *metadata.Image, id metadata.BrokerID) []metadata.Record {
	var records []metadata.Record
	for t := range img.Topics() {
		for _, p := range t.Partitions {
			if len(p.ISR) == 1 && p.ISR[0] == id {
				records = append(records, &protocol.PartitionChangeRecord{TopicId: t.ID, PartitionId: p.ID, Leader: int32(id), LeaderRecoveryState: -1})
			}
		}
	}
	return records
}
