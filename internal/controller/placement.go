package controller

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// placer spreads replicas over the brokers: leaders take turns from a random
// first one, and the followers of a leader lie a step further with each turn,
// so that the partitions of a broker that fails fall to all the others.
type placer struct {
	brokers []metadata.BrokerID // that aren't fenced, then those that are
	usable  int                 // how many aren't fenced
	first   int
	turn    int
}

func (c *Controller) placer(img *metadata.Image) *placer { return newPlacer(img, c.Rand) }

func newPlacer(img *metadata.Image, r *rand.Rand) *placer {
	p := &placer{}
	var fenced []metadata.BrokerID
	for b := range img.Brokers() {
		if b.Fenced || b.InControlledShutdown {
			fenced = append(fenced, b.ID)
		} else {
			p.brokers = append(p.brokers, b.ID)
		}
	}
	p.usable = len(p.brokers)
	p.brokers = append(p.brokers, fenced...)
	if p.usable > 0 {
		p.first = r.IntN(p.usable)
	}
	return p
}

// replicas places one partition.
func (p *placer) replicas(n int) []metadata.BrokerID {
	out := make([]metadata.BrokerID, 0, n)
	lead := p.first + p.turn
	shift := p.turn / max(p.usable, 1)
	p.turn++
	out = append(out, p.brokers[lead%p.usable])
	for i := 1; i < min(n, p.usable); i++ {
		step := 1 + (shift+i-1)%(p.usable-1)
		out = append(out, p.brokers[(lead+step)%p.usable])
	}
	for i := p.usable; len(out) < n; i++ { // fenced brokers get replicas only where others don't suffice
		out = append(out, p.brokers[i])
	}
	return out
}

// assign returns the replicas of each partition of a new topic.
func assign(img *metadata.Image, t *protocol.CreateTopicsRequestCreatableTopic, broker config.Lookup, place *placer) ([][]metadata.BrokerID, error) {
	if len(t.Assignments) > 0 {
		return manual(img, t)
	}
	n, rf := int(t.NumPartitions), int(t.ReplicationFactor)
	switch {
	case n == -1:
		n = config.NumPartitions.In(broker)
	case n <= 0:
		return nil, protocol.Refuse(protocol.ErrInvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	switch {
	case rf == -1:
		rf = defaultReplicationFactor(img, broker)
	case rf <= 0:
		return nil, protocol.Refuse(protocol.ErrInvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	}
	return place.partitions(n, rf)
}

// partitions places n partitions of rf replicas.
func (p *placer) partitions(n, rf int) ([][]metadata.BrokerID, error) {
	if rf > len(p.brokers) {
		return nil, protocol.Refuse(protocol.ErrInvalidReplicationFactor, fmt.Sprintf("Unable to replicate the partition %d time(s): "+
			"The target replication factor of %d cannot be reached because only %d broker(s) are registered.", rf, rf, len(p.brokers)))
	}
	if p.usable == 0 {
		return nil, protocol.Refuse(protocol.ErrInvalidReplicationFactor, fmt.Sprintf("Unable to replicate the partition %d time(s): All brokers are currently fenced.", rf))
	}
	out := make([][]metadata.BrokerID, n)
	for i := range out {
		out[i] = p.replicas(rf)
	}
	return out, nil
}

// defaultReplicationFactor is default.replication.factor, or where that isn't
// set the smaller of 3 and the number of registered brokers.
func defaultReplicationFactor(img *metadata.Image, broker config.Lookup) int {
	if config.DefaultReplicationFactor.IsSet(broker) {
		return config.DefaultReplicationFactor.In(broker)
	}
	return max(min(3, img.BrokerCount()), 1)
}

// manual checks the replicas that a request gives for each partition.
func manual(img *metadata.Image, t *protocol.CreateTopicsRequestCreatableTopic) ([][]metadata.BrokerID, error) {
	switch {
	case t.ReplicationFactor != -1:
		return nil, protocol.Refuse(protocol.ErrInvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
	case t.NumPartitions != -1:
		return nil, protocol.Refuse(protocol.ErrInvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	out := make([][]metadata.BrokerID, len(t.Assignments))
	for i := range t.Assignments {
		a := &t.Assignments[i]
		if a.PartitionIndex < 0 || int(a.PartitionIndex) >= len(out) {
			return nil, protocol.Refuse(protocol.ErrInvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
		if out[a.PartitionIndex] != nil {
			return nil, protocol.Refuse(protocol.ErrInvalidReplicaAssignment, fmt.Sprintf("Found multiple manual partition assignments for partition %d", a.PartitionIndex))
		}
		replicas, err := checkReplicas(img, a.BrokerIds)
		if err != nil {
			return nil, err
		}
		if err := oneAlive(img, a.PartitionIndex, replicas); err != nil {
			return nil, err
		}
		out[a.PartitionIndex] = replicas
		if i > 0 && len(a.BrokerIds) != len(t.Assignments[0].BrokerIds) {
			return nil, unequal(len(a.BrokerIds), len(t.Assignments[0].BrokerIds))
		}
	}
	return out, nil
}

func unequal(n, others int) error {
	return protocol.Refuse(protocol.ErrInvalidReplicaAssignment, fmt.Sprintf("The manual partition assignment includes a partition with %d replica(s), "+
		"but this is not consistent with previous partitions, which have %d replica(s).", n, others))
}

// checkReplicas checks a list of replicas that somebody made by hand.
func checkReplicas(img *metadata.Image, ids []int32) ([]metadata.BrokerID, error) {
	if len(ids) == 0 {
		return nil, protocol.Refuse(protocol.ErrInvalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
	}
	out := make([]metadata.BrokerID, 0, len(ids))
	for _, id := range ids {
		b := metadata.BrokerID(id)
		if slices.Contains(out, b) {
			return nil, protocol.Refuse(protocol.ErrInvalidReplicaAssignment, fmt.Sprintf("The manual partition assignment includes the broker %d more than once.", id))
		}
		if img.Broker(b) == nil {
			return nil, protocol.Refuse(protocol.ErrInvalidReplicaAssignment, fmt.Sprintf("The manual partition assignment includes broker %d, but no such broker is registered.", id))
		}
		out = append(out, b)
	}
	return out, nil
}

// oneAlive refuses replicas of which none could lead.
func oneAlive(img *metadata.Image, partition int32, replicas []metadata.BrokerID) error {
	if slices.ContainsFunc(replicas, func(b metadata.BrokerID) bool { return alive(img, b) }) {
		return nil
	}
	return protocol.Refuse(protocol.ErrInvalidReplicaAssignment, fmt.Sprintf(
		"All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", partition))
}
