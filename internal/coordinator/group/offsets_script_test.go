package group

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// Commands of committed offsets, of all kinds of groups. A partition is written
// topic:0, its offset topic:0=5.
//
//	commit GROUP x:0=5 y:1=7 [member=a-1 epoch=2] [retention=1m] [pid=9]   pid: in that producer's transaction
//	end-txn pid=9 [abort]                                                   its marker
//	offsets GROUP [stable] [x:0 y:1]                                        OffsetFetch, of all without partitions
//	delete-offsets GROUP x:0 y:1
//	delete-group GROUP
func init() {
	commands["commit"] = (*rig).commit
	commands["end-txn"] = func(r *rig, c command) string {
		kind := record.Commit
		if slices.Contains(c.words, "abort") {
			kind = record.Abort
		}
		return r.later(func() string { return "marker " + errorName(r.endTxn(record.ProducerID(c.num("pid", 0)), kind)) })
	}
	commands["offsets"] = (*rig).offsets
	commands["delete-offsets"] = func(r *rig, c command) string {
		return r.later(func() string {
			errs, err := r.c.DeleteOffsets(context.Background(), c.arg(1), askedFor(c.words[2:]))
			return "delete-offsets " + errorName(err) + names(errs)
		})
	}
	commands["delete-group"] = func(r *rig, c command) string {
		return r.later(func() string { return "delete-group " + errorName(r.c.DeleteGroup(context.Background(), c.arg(1))) })
	}
	printers[1] = func(k, v protocol.Record) string {
		key := k.(*protocol.OffsetCommitKey)
		out := fmt.Sprintf("%s offset %s:%d", key.Group, key.Topic, key.Partition)
		if v == nil {
			return out + " none"
		}
		return fmt.Sprintf("%s=%d", out, v.(*protocol.OffsetCommitValue).Offset)
	}
	states = append(states, showOffsets)
}

func names(errs []error) string {
	var out strings.Builder
	for _, err := range errs {
		out.WriteString(" " + errorName(err))
	}
	return out.String()
}

// askedFor reads the words that are partitions.
func askedFor(words []string) (out []FetchPartition) {
	for _, w := range words {
		topic, index, ok := strings.Cut(w, ":")
		if n, err := strconv.Atoi(index); ok && err == nil {
			out = append(out, FetchPartition{Topic: topic, Partition: int32(n)})
		}
	}
	return out
}

func (r *rig) commit(c command) string {
	rq := &CommitRequest{Group: c.arg(1), Member: r.id(c.opt["member"]), Epoch: int32(c.num("epoch", -1)), RetentionMs: -1}
	if c.opt["retention"] != "" {
		rq.RetentionMs = int64(c.millis("retention", ""))
	}
	if id := c.num("pid", -1); id >= 0 {
		rq.Txn = &coordinator.Txn{ProducerID: record.ProducerID(id)}
	}
	for _, w := range c.words[2:] {
		where, value, _ := strings.Cut(w, "=")
		for _, p := range askedFor([]string{where}) {
			n, _ := strconv.Atoi(value)
			rq.Offsets = append(rq.Offsets, Commit{Topic: p.Topic, TopicID: r.topicOf(p.Topic), Partition: p.Partition, Offset: int64(n), LeaderEpoch: -1})
		}
	}
	return r.later(func() string {
		errs, err := r.c.CommitOffsets(context.Background(), Client{ID: "c", Host: "/127.0.0.1", Version: 9}, rq)
		return "commit " + errorName(err) + names(errs)
	})
}

// topicOf is the id of the topic of a name, zero where there is none.
func (r *rig) topicOf(name string) protocol.UUID {
	if t := r.img.Load().Topic(name); t != nil {
		return t.ID
	}
	return protocol.UUID{}
}

func (r *rig) endTxn(id record.ProducerID, kind record.ControlType) error {
	return coordinator.EndTxn(context.Background(), r.shard(), record.Marker{Type: kind, ProducerID: id}, 2)
}

func (r *rig) offsets(c command) string {
	rq := &FetchRequest{Group: c.arg(1), Epoch: -1, Stable: slices.Contains(c.words, "stable"), Partitions: askedFor(c.words[2:])}
	for i := range rq.Partitions {
		rq.Partitions[i].TopicID = r.topicOf(rq.Partitions[i].Topic)
	}
	return r.later(func() string {
		got, err := r.c.FetchOffsets(context.Background(), rq)
		out := "offsets " + errorName(err)
		for _, o := range got {
			out += fmt.Sprintf(" %s:%d=", o.Topic, o.Partition)
			if o.Err != nil {
				out += errorName(o.Err)
			} else {
				out += fmt.Sprint(o.Offset)
			}
		}
		return out
	})
}

// showOffsets prints a group's offsets, those of open transactions too.
func showOffsets(m *Machine, id string) (out []string) {
	show := func(what string, offsets groupOffsets) {
		for p, o := range offsets {
			out = append(out, fmt.Sprintf("  %s %s:%d=%d %q committed at %d", what, p.topic, p.index, o.offset, o.metadata, o.committed))
		}
	}
	show("offset", m.offsets.byGroup[id])
	for _, pid := range slices.Sorted(maps.Keys(m.offsets.pending)) {
		show(fmt.Sprintf("pid=%d holds", pid), m.offsets.pending[pid][id])
	}
	slices.Sort(out)
	if len(m.offsets.producers[id]) > 0 {
		out = append(out, fmt.Sprintf("  open transactions: %v", slices.Sorted(maps.Keys(m.offsets.producers[id]))))
	}
	return out
}
