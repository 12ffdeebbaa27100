package config

import (
	"fmt"
	"slices"
	"strings"
)

// CheckGroup tells what is wrong with the values that are to be a group's own,
// under a broker's configuration, which bounds many of them.
func CheckGroup(own map[string]string, broker Lookup) error {
	if err := checkAll(Groups, own, "group"); err != nil {
		return err
	}
	for _, b := range groupBounds {
		if err := b.check(own, broker); err != nil {
			return err
		}
	}
	l := Inherited{Own: own, Broker: broker}
	for _, kind := range []struct{ session, heartbeat Millis }{
		{GroupConsumerSessionTimeoutMs, GroupConsumerHeartbeatIntervalMs},
		{GroupShareSessionTimeoutMs, GroupShareHeartbeatIntervalMs},
		{GroupStreamsSessionTimeoutMs, GroupStreamsHeartbeatIntervalMs},
	} {
		if kind.session.In(l) <= kind.heartbeat.In(l) {
			return groupError(kind.session.Key, " must be greater than "+kind.heartbeat.Name)
		}
	}
	return checkGroupNames(own, broker)
}

// checkGroupNames checks the values that aren't numbers.
func checkGroupNames(own map[string]string, broker Lookup) error {
	if strings.HasPrefix(GroupErrorsDeadletterqueueTopicName.In(Map(own)), "__") {
		return groupError(GroupErrorsDeadletterqueueTopicName.Key, ": DLQ topic name must not start with '__'")
	}
	tags := splitList(GroupStreamsRackAwareAssignmentTags.raw(Map(own)))
	for i, tag := range tags {
		if slices.Contains(tags[:i], tag) {
			return groupError(GroupStreamsRackAwareAssignmentTags.Key, " must not contain duplicate tag keys.")
		}
	}
	assignors := splitList(Brokers.Get("group.streams.assignors").raw(broker))
	if name, set := own[GroupStreamsAssignorName.Name]; set && !slices.Contains(assignors, name) {
		return groupError(GroupStreamsAssignorName.Key, fmt.Sprintf(" '%s' is not a registered task assignor. Registered assignors are: [%s].",
			name, strings.Join(assignors, ", ")))
	}
	return nil
}

func groupError(k *Key, rest string) error { return &Error{Key: k.Name, Text: k.Name + rest} }

// A groupBound is what broker keys allow for a group's key; an empty name is no
// bound.
type groupBound struct {
	key      *Key
	low, top string
}

var groupBounds = []groupBound{
	{GroupConsumerSessionTimeoutMs.Key, "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"},
	{GroupConsumerHeartbeatIntervalMs.Key, "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"},
	{GroupConsumerAssignmentIntervalMs.Key, "group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms"},
	{GroupShareSessionTimeoutMs.Key, "group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"},
	{GroupShareHeartbeatIntervalMs.Key, "group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"},
	{GroupShareAssignmentIntervalMs.Key, "group.share.min.assignment.interval.ms", "group.share.max.assignment.interval.ms"},
	{GroupShareRecordLockDurationMs.Key, "group.share.min.record.lock.duration.ms", "group.share.max.record.lock.duration.ms"},
	{GroupShareDeliveryCountLimit.Key, "group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit"},
	{GroupSharePartitionMaxRecordLocks.Key, "group.share.min.partition.max.record.locks", "group.share.max.partition.max.record.locks"},
	{GroupStreamsSessionTimeoutMs.Key, "group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms"},
	{GroupStreamsHeartbeatIntervalMs.Key, "group.streams.min.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms"},
	{GroupStreamsAssignmentIntervalMs.Key, "group.streams.min.assignment.interval.ms", "group.streams.max.assignment.interval.ms"},
	{GroupStreamsNumStandbyReplicas.Key, "", "group.streams.max.standby.replicas"},
	{GroupStreamsNumWarmupReplicas.Key, "", "group.streams.max.warmup.replicas"},
	{GroupStreamsTaskOffsetIntervalMs.Key, "group.streams.min.task.offset.interval.ms", ""},
}

// check applies the bound to a value that the group sets itself.
func (b groupBound) check(own map[string]string, broker Lookup) error {
	if _, set := own[b.key.Name]; !set {
		return nil
	}
	n := b.key.number(Map(own))
	switch {
	case b.low == "":
		if top := Brokers.Get(b.top).number(broker); n > top {
			return groupError(b.key, fmt.Sprintf(" must be less than or equal to %d", top))
		}
	case b.top == "":
		if low := Brokers.Get(b.low).number(broker); n < low {
			return groupError(b.key, fmt.Sprintf(" must be greater than or equal to %d", low))
		}
	default:
		low, top := Brokers.Get(b.low).number(broker), Brokers.Get(b.top).number(broker)
		if n < low || n > top {
			return groupError(b.key, fmt.Sprintf(" must be in the range %d to %d inclusive.", low, top))
		}
	}
	return nil
}
