package group

import (
	"encoding/binary"
	"slices"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// What classic consumers say and are told lies in bytes that begin with a
// version of two bytes (ConsumerProtocolSubscription, ConsumerProtocolAssignment).
// A version above the highest known one is read as that.

// subscriptionVersion returns the version of a subscription, and what follows.
func subscriptionVersion(b []byte, highest int16) (version int16, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, protocol.Malformed("a subscription or assignment without a version")
	}
	version = int16(binary.BigEndian.Uint16(b))
	if version < 0 {
		return 0, nil, protocol.Malformed("a subscription or assignment of a version below 0")
	}
	return min(version, highest), b[2:], nil
}

// readClassicSubscription reads all of a subscription.
func readClassicSubscription(b []byte) (*protocol.ConsumerProtocolSubscription, error) {
	s := protocol.NewConsumerProtocolSubscription()
	_, highest := s.Versions()
	version, rest, err := subscriptionVersion(b, highest)
	if err != nil {
		return nil, err
	}
	var d protocol.Decoder
	d.Reset(rest)
	return s, s.Decode(&d, version)
}

// readClassicAssignment reads an assignment; one of no bytes is empty.
func readClassicAssignment(b []byte) (*protocol.ConsumerProtocolAssignment, error) {
	a := protocol.NewConsumerProtocolAssignment()
	if len(b) == 0 {
		return a, nil
	}
	_, highest := a.Versions()
	version, rest, err := subscriptionVersion(b, highest)
	if err != nil {
		return nil, err
	}
	var d protocol.Decoder
	d.Reset(rest)
	return a, a.Decode(&d, version)
}

// classicAssignment writes an assignment in the version of the member's
// subscription. Topics that are gone are left out.
func classicAssignment(a assignment, subscription []byte, img *metadata.Image) ([]byte, error) {
	m := protocol.NewConsumerProtocolAssignment()
	_, highest := m.Versions()
	version, _, err := subscriptionVersion(subscription, highest)
	if err != nil {
		return nil, err
	}
	for _, id := range sortedTopics(a) {
		if t := img.TopicByID(id); t != nil {
			m.AssignedPartitions = append(m.AssignedPartitions, protocol.ConsumerProtocolAssignmentTopicPartition{Topic: t.Name, Partitions: a[id]})
		}
	}
	e := protocol.NewEncoder()
	e.Int16(version)
	m.Encode(e, version)
	return slices.Clone(e.Bytes()), nil
}

// partitions is what a member owns without the epochs.
func (o owned) partitions() assignment {
	a := make(assignment, len(o))
	for topic, ps := range o {
		for _, p := range ps {
			a[topic] = append(a[topic], p.index)
		}
	}
	return a
}

// classicSubscription is the metadata of the protocol that a member likes best:
// all its protocols say the same of topics.
func (m *consumerMember) classicSubscription() []byte {
	return m.classic.SupportedProtocols[0].Metadata
}

func (m *consumerMember) classicProtocol() string { return m.classic.SupportedProtocols[0].Name }
