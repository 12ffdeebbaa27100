package controller

import (
	"context"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// producerIDBlock is how many producer ids a broker gets at once, as in Kafka.
const producerIDBlock = 1000

// AllocateProducerIDs gives a broker the next block of producer ids (KIP-730).
func (c *Controller) AllocateProducerIDs(ctx context.Context, broker metadata.BrokerID) (first int64, n int32, err error) {
	first, err = ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, int64) {
		epoch := int64(-1)
		if b := img.Broker(broker); b != nil {
			epoch = b.Epoch
		}
		first := img.NextProducerID()
		return []metadata.Record{&protocol.ProducerIdsRecord{BrokerId: int32(broker), BrokerEpoch: epoch, NextProducerId: first + producerIDBlock}}, first
	})
	return first, producerIDBlock, err
}
