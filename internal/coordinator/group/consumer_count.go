package group

// counted is what metrics were told of a consumer group; state is "" for one
// that they don't know.
type counted struct {
	state   string
	members int
}

// recount tells metrics of a group's state and members.
func (m *Machine) recount(g *consumerGroup, now counted) {
	metrics := m.options.Metrics
	if was := g.counted; was.state != now.state {
		if was.state != "" {
			metrics.Groups(string(consumerKind), was.state, -1)
		}
		if now.state != "" {
			metrics.Groups(string(consumerKind), now.state, 1)
		}
	}
	metrics.Members(string(consumerKind), now.members-g.counted.members)
	g.counted = now
}

func (g *consumerGroup) count() counted { return counted{g.state(), len(g.members)} }

// countConsumer tells metrics of a group after a record was replayed. before is
// the group as it was, nil if it wasn't there.
func (m *Machine) countConsumer(before *consumerGroup, id string) {
	now, _ := m.groups[id].(*consumerGroup)
	if before != nil && before != now {
		m.recount(before, counted{})
	}
	if now != nil {
		m.recount(now, now.count())
	}
}

// unloadedConsumer takes back what metrics were told.
func (m *Machine) unloadedConsumer() {
	for _, g := range m.groups {
		if g, ok := g.(*consumerGroup); ok {
			m.recount(g, counted{})
		}
	}
}
