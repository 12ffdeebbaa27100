// Package group is the group coordinator: classic groups, consumer groups
// (KIP-848) and the offsets that groups commit, as a machine on the runtime of
// package coordinator. Its state is what the records of __consumer_offsets say.
//
// Its main type is Coordinator, which finds the shard of a group and asks its
// Machine. The invariant: no partition is owned by two members of a group in
// one epoch, and a committed offset that was answered is never lost.
package group
