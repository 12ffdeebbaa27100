package raft

import (
	"errors"
	"fmt"
	"io"
	"time"

	hraft "github.com/hashicorp/raft"
)

// instance is one run of Raft over one opening of the storage.
type instance struct {
	storage    *storage
	raft       *hraft.Raft
	transport  hraft.Transport
	leadership chan bool
}

// Timing of a cluster. A lone voter waits for none of it.
const (
	heartbeatTimeout   = 1000 * time.Millisecond
	electionTimeout    = 1000 * time.Millisecond
	leaderLeaseTimeout = 500 * time.Millisecond
	commitTimeout      = 50 * time.Millisecond
)

func (n *Node) config(leadership chan bool) *hraft.Config {
	c := hraft.DefaultConfig()
	c.LocalID = n.id
	c.HeartbeatTimeout, c.ElectionTimeout = heartbeatTimeout, electionTimeout
	c.LeaderLeaseTimeout, c.CommitTimeout = leaderLeaseTimeout, commitTimeout
	c.ShutdownOnRemove = false
	c.SnapshotInterval, c.SnapshotThreshold = n.opt.SnapshotInterval, n.opt.SnapshotEntries
	c.TrailingLogs = n.opt.TrailingEntries
	c.NoSnapshotRestoreOnStart = true // the image is loaded already
	c.RestoreCommittedLogs = true     // so that commits are tracked; see logStore.GetCommitIndex
	c.NoLegacyTelemetry = true
	c.NotifyCh = leadership
	c.Logger = newLogger(n.opt.Log)
	return c
}

// startInstance runs Raft over s, which it closes if it can't.
func (n *Node) startInstance(s *storage) (_ *instance, err error) {
	// Raft waits when this channel is full: room for so many changes while one is being told.
	i := &instance{storage: s, transport: n.opt.Transport, leadership: make(chan bool, 64)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	alone := i.transport == nil
	if alone {
		_, i.transport = hraft.NewInmemTransport(hraft.ServerAddress(n.id))
	}
	conf := n.config(i.leadership)
	if err := n.bootstrap(i); err != nil {
		return nil, err
	}
	if i.raft, err = newRaft(conf, n.fsm, i); err != nil {
		return nil, err
	}
	s.running.Store(true)
	servers := i.raft.GetConfiguration().Configuration().Servers
	switch {
	case isAlone(servers, n.id):
		electNow(i.raft, conf)
	case alone:
		i.raft.Shutdown().Error()
		return nil, fmt.Errorf("raft directory %s belongs to the servers %+v, not to %q alone", s.dir, servers, n.id)
	}
	return i, nil
}

func (n *Node) bootstrap(i *instance) error {
	if isNew, err := i.storage.isNew(); err != nil || !isNew {
		return err
	}
	voters := n.opt.Voters
	if len(voters) == 0 {
		voters = []Voter{{ID: string(n.id), Address: string(i.transport.LocalAddr())}}
	}
	var servers hraft.Configuration
	for _, v := range voters {
		servers.Servers = append(servers.Servers, hraft.Server{ID: hraft.ServerID(v.ID), Address: hraft.ServerAddress(v.Address)})
	}
	return i.storage.begin(servers)
}

// newRaft starts Raft, which panics when it can't read its log.
func newRaft(conf *hraft.Config, f *fsm, i *instance) (r *hraft.Raft, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("start raft: %v", p)
		}
	}()
	return hraft.NewRaft(conf, f, i.storage.logs, i.storage.votes, i.storage.snaps, i.transport)
}

// isAlone tells whether id is the only voter.
func isAlone(servers []hraft.Server, id hraft.ServerID) bool {
	alone := false
	for _, server := range servers {
		if server.Suffrage != hraft.Voter {
			continue
		}
		if server.ID != id {
			return false
		}
		alone = true
	}
	return alone
}

// electNow starts an election without waiting for the heartbeat timeout: a follower looks at its timer when it is told
// that the timeout got shorter.
func electNow(r *hraft.Raft, conf *hraft.Config) {
	c := r.ReloadableConfig()
	c.HeartbeatTimeout = conf.HeartbeatTimeout - time.Millisecond
	if err := r.ReloadConfig(c); err != nil {
		panic("BUG: " + err.Error())
	}
}

// stop ends Raft and closes the storage.
func (i *instance) stop() error {
	err := i.raft.Shutdown().Error()
	if c, ok := i.transport.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return errors.Join(err, i.storage.close())
}
