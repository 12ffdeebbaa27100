package group

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol"
)

const (
	benchMembers    = 1000
	benchTopics     = 100
	benchPartitions = 100 // of each topic
)

// BenchmarkAssignors assigns 10,000 partitions to 1,000 members: from nothing, after one joined, after one left, and
// when nothing changed.
func BenchmarkAssignors(b *testing.B) {
	for _, a := range assignors {
		for _, subscription := range []string{"homogeneous", "cohorts", "chain", "random"} {
			before := benchGroup(subscription)
			settled := benchSettle(b, a, before)
			joined := benchSettle(b, a, &assignorInput{Members: before.Members[1:], Partitions: before.Partitions})
			joined.Members = append([]assignorMember{before.Members[0]}, joined.Members...)
			left := &assignorInput{Members: settled.Members[1:], Partitions: settled.Partitions}
			for _, c := range []struct {
				name string
				in   *assignorInput
			}{{"new", before}, {"join", joined}, {"leave", left}, {"same", settled}} {
				b.Run(a.name+"/"+subscription+"/"+c.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := a.assign(c.in); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// benchGroup is a group whose members have nothing yet. Their subscriptions are all the topics; those of a cohort, ten
// of them for a hundred members; two topics of a chain, one of which the next members have too; or a random half.
func benchGroup(subscription string) *assignorInput {
	rng := rand.New(rand.NewPCG(1, 2))
	topics := make([]protocol.UUID, benchTopics)
	for t := range topics {
		topics[t] = assignorTopic(t)
	}
	in := &assignorInput{Partitions: func(protocol.UUID) int32 { return benchPartitions }}
	for i := range benchMembers {
		m := assignorMember{ID: fmt.Sprintf("%04d", i)}
		switch subscription {
		case "homogeneous":
			m.Topics = append(m.Topics, topics...)
		case "cohorts":
			m.Topics = topics[i%10*10:][:10]
		case "chain":
			at := i * (benchTopics - 1) / benchMembers
			m.Topics = topics[at:][:2]
		case "random":
			for _, t := range topics {
				if rng.IntN(2) == 0 {
					m.Topics = append(m.Topics, t)
				}
			}
		}
		in.Members = append(in.Members, m)
	}
	return in
}

// benchSettle returns the group with what was assigned to it.
func benchSettle(b *testing.B, a assignor, in *assignorInput) *assignorInput {
	targets, err := a.assign(in)
	if err != nil {
		b.Fatal(err)
	}
	out := &assignorInput{Members: append([]assignorMember(nil), in.Members...), Partitions: in.Partitions}
	for i := range targets {
		out.Members[i].Assigned = targets[i].Assignment
	}
	return out
}
