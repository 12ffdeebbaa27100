package raft

import (
	hraft "github.com/hashicorp/raft"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// Status is what DescribeQuorum asks for.
type Status struct {
	LeaderID    metadata.BrokerID // -1 when there is none or it isn't known
	Term        uint64
	CommitIndex uint64
	LastIndex   uint64 // of this node's log
	Applied     uint64 // index of the last entry in the image
	Voters      []Server
	Observers   []Server
}

// Server is a member of the cluster.
type Server struct {
	NodeID      metadata.BrokerID
	DirectoryID protocol.UUID
	LastIndex   int64 // of its log; -1 when it isn't known here
}

// Leading tells whether this node leads, and in which term. It becomes true just before OnLeadership's functions are told.
func (n *Node) Leading() (leader bool, term uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leader, n.term
}

// IsLeader tells whether this node leads.
func (n *Node) IsLeader() bool {
	leader, _ := n.Leading()
	return leader
}

// LeaderID is the node that leads, -1 when there is none or it isn't known.
func (n *Node) LeaderID() metadata.BrokerID { return n.Status().LeaderID }

// Term is the current term of Raft.
func (n *Node) Term() uint64 { return n.Status().Term }

// Status describes the cluster as this node sees it.
func (n *Node) Status() Status {
	n.mu.Lock()
	inst, term := n.instance, n.term
	n.mu.Unlock()
	s := Status{LeaderID: -1, Term: term, Applied: n.Applied()}
	if inst == nil {
		return s
	}
	r := inst.raft
	s.Term, s.CommitIndex, s.LastIndex = r.CurrentTerm(), r.CommitIndex(), r.LastIndex()
	_, leader := r.LeaderWithID()
	if id, _, err := parseServerID(string(leader)); err == nil {
		s.LeaderID = id
	}
	for _, server := range r.GetConfiguration().Configuration().Servers {
		node, directory, _ := parseServerID(string(server.ID))
		member := Server{NodeID: node, DirectoryID: directory, LastIndex: -1}
		if server.ID == n.id {
			member.LastIndex = int64(s.LastIndex)
		}
		if server.Suffrage == hraft.Voter {
			s.Voters = append(s.Voters, member)
		} else {
			s.Observers = append(s.Observers, member)
		}
	}
	return s
}
