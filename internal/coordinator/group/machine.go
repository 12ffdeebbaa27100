package group

import (
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Machine is the groups and the committed offsets of one partition of Topic. It
// implements coordinator.Machine.
type Machine struct {
	sh      *coordinator.Shard
	options *Options
	groups  map[string]group
	offsets offsets
	loaded  bool // the log is replayed: records are of the machine's own decisions now

	// Soft state of consumer groups.
	sessions    map[memberKey]*session
	resolving   map[string]bool // groups whose regular expressions are being resolved
	topicHashes topicHashes

	// What Kinds lends for the records that there are most of.
	offsetKey   protocol.OffsetCommitKey
	offsetValue protocol.OffsetCommitValue
}

// kind is the type of a group, in the words of ListGroups.
type kind string

const (
	classicKind  kind = "classic"
	consumerKind kind = "consumer"
)

// group is a classic group or a consumer group, as offsets and the APIs that
// serve both see it. Its methods change nothing.
type group interface {
	id() string
	kind() kind
	state() string        // in Kafka's words: Empty, Stable, PreparingRebalance, Assigning, ...
	protocolType() string // "" where the group has none
	empty() bool          // no members

	// checkCommit tells why a commit is refused, and what else is to be asked for
	// each partition (nil: nothing).
	checkCommit(c committer) (partitionCheck, error)
	// checkFetch tells why a fetch of offsets is refused. member is nil for a
	// request that names none.
	checkFetch(member *string, epoch int32) error
	checkOffsetDelete() error
	checkDelete() error
	// subscribed tells whether a member is subscribed to the topic, or may be.
	subscribed(topic string) bool
	// expiry returns since when a committed offset is counted as unused, ms;
	// false where the group's offsets don't expire.
	expiry(o *offset) (since int64, expires bool)
	// tombstones are the records that end the group, without its offsets.
	tombstones() []coordinator.Record
	// committed is told of a commit of a member that was let through: a classic
	// member's session goes on with it.
	committed(member string)
}

// committer is who commits offsets.
type committer struct {
	member     string
	instance   *string
	epoch      int32 // generation or member epoch
	txn        bool  // in a transaction
	apiVersion int16
}

func newMachine(sh *coordinator.Shard, o *Options) *Machine {
	return &Machine{
		sh: sh, options: o, groups: make(map[string]group), offsets: newOffsets(),
		sessions: make(map[memberKey]*session), resolving: make(map[string]bool),
	}
}

// Kinds implements coordinator.Machine. Key and value of an offset are lent.
func (m *Machine) Kinds(keyType int16) (key, value protocol.Record) {
	switch keyType {
	case 0, 1: // an offset, of 0.8 or later: the same record
		return &m.offsetKey, &m.offsetValue
	case 2:
		return new(protocol.GroupMetadataKey), new(protocol.GroupMetadataValue)
	case 3:
		return new(protocol.ConsumerGroupMetadataKey), new(protocol.ConsumerGroupMetadataValue)
	case 4:
		return new(protocol.ConsumerGroupPartitionMetadataKey), new(protocol.ConsumerGroupPartitionMetadataValue)
	case 5:
		return new(protocol.ConsumerGroupMemberMetadataKey), new(protocol.ConsumerGroupMemberMetadataValue)
	case 6:
		return new(protocol.ConsumerGroupTargetAssignmentMetadataKey), new(protocol.ConsumerGroupTargetAssignmentMetadataValue)
	case 7:
		return new(protocol.ConsumerGroupTargetAssignmentMemberKey), new(protocol.ConsumerGroupTargetAssignmentMemberValue)
	case 8:
		return new(protocol.ConsumerGroupCurrentMemberAssignmentKey), new(protocol.ConsumerGroupCurrentMemberAssignmentValue)
	case 16:
		return new(protocol.ConsumerGroupRegularExpressionKey), new(protocol.ConsumerGroupRegularExpressionValue)
	}
	return nil, nil
}

// Replay implements coordinator.Machine.
func (m *Machine) Replay(at coordinator.At, key, value protocol.Record) {
	switch k := key.(type) {
	case *protocol.OffsetCommitKey:
		v, _ := value.(*protocol.OffsetCommitValue)
		m.replayOffset(at, k, v)
	case *protocol.GroupMetadataKey:
		v, _ := value.(*protocol.GroupMetadataValue)
		m.replayClassic(k, v)
	default:
		m.replayConsumer(key, value)
	}
}

// EndTxn implements coordinator.Machine.
func (m *Machine) EndTxn(at coordinator.At, commit bool) { m.offsets.end(at.ProducerID, commit) }

// Loaded implements coordinator.Machine: sessions begin anew.
func (m *Machine) Loaded() {
	m.loaded = true
	m.loadedClassic()
	m.loadedConsumer()
	m.scheduleExpiry()
	if len(m.options.deleted.of(m.sh.Index)) > 0 { // while it was loaded, or the machine before it was lost
		m.sh.After(forgetTimer, 0, m.forgetTopics)
	}
}

// Unloaded implements coordinator.Machine.
func (m *Machine) Unloaded() {
	m.unloadedClassic()
	m.unloadedConsumer()
}

// group returns a group, or GROUP_ID_NOT_FOUND.
func (m *Machine) group(id string) (group, error) {
	if g := m.groups[id]; g != nil {
		return g, nil
	}
	return nil, protocol.Refuse(protocol.ErrGroupIdNotFound, "Group "+id+" not found.")
}
