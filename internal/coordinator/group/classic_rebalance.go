package group

import (
	"maps"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/coordinator"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The kinds of a classic group's timers, one of each at most.
const (
	joinTimer    = "classic-join"    // ends the wait for JoinGroups
	syncTimer    = "classic-sync"    // ends the wait for SyncGroups
	sessionTimer = "classic-session" // runs no later than the first session ends
)

func (g *classicGroup) timer(kind string) coordinator.TimerKey {
	return coordinator.TimerKey{Kind: kind, ID: g.name}
}

// rebalance begins one, or goes on with the one under way, after somebody has
// joined. Like all that end a rebalance it returns what is to be recorded.
func (g *classicGroup) rebalance(reason string) []coordinator.Record {
	if g.status != classicPreparing {
		return g.prepareRebalance(reason)
	}
	return g.completeIfJoined()
}

// completeIfJoined ends the wait for JoinGroups when nobody is missing. The
// initial delay is waited for in any case.
func (g *classicGroup) completeIfJoined() []coordinator.Record {
	if g.status == classicPreparing && !g.initial && g.allJoined() {
		return g.completeJoin()
	}
	return nil
}

// prepareRebalance begins a rebalance. Members have the rebalance timeout to
// join; the first ones of a group wait for others as long as
// group.initial.rebalance.delay.ms says.
func (g *classicGroup) prepareRebalance(reason string) []coordinator.Record {
	if g.status == classicCompleting {
		g.failSyncs(protocol.ErrRebalanceInProgress)
	}
	g.endSync()
	g.initial, g.grown, g.began = g.status == classicEmpty, false, time.Now()
	g.become(classicPreparing)
	g.m.options.Logger.Info("preparing to rebalance a group", "group", g.name, "generation", g.generation, "members", len(g.members), "reason", reason)
	if g.initial {
		delay := config.GroupInitialRebalanceDelayMs.In(g.m.options.Config())
		g.delayInitial(delay, max(g.rebalanceTimeout()-delay, 0))
		return nil
	}
	if g.allJoined() {
		return g.completeJoin()
	}
	g.m.sh.After(g.timer(joinTimer), g.rebalanceTimeout(), g.endJoin)
	return nil
}

// delayInitial waits for more members, and again as long as some come, until
// the rebalance timeout is used up.
func (g *classicGroup) delayInitial(delay, left time.Duration) {
	g.m.sh.After(g.timer(joinTimer), delay, func() ([]coordinator.Record, error) {
		if !g.grown || left == 0 {
			return g.completeJoin(), nil
		}
		g.grown = false
		g.delayInitial(min(config.GroupInitialRebalanceDelayMs.In(g.m.options.Config()), left), max(left-delay, 0))
		return nil, nil
	})
}

func (g *classicGroup) endJoin() ([]coordinator.Record, error) { return g.completeJoin(), nil }

// completeJoin begins the next generation. Dynamic members that haven't joined
// are out of it; static ones stay until their session ends. When nobody has
// joined the group waits for that.
func (g *classicGroup) completeJoin() []coordinator.Record {
	g.m.sh.Cancel(g.timer(joinTimer))
	gone := g.removeAll(func(mb *classicMember) bool { return mb.join == nil && mb.instance == nil })
	if len(gone) > 0 {
		g.m.options.Logger.Info("members that didn't join are removed", "group", g.name, "members", gone)
	}
	if len(g.members) == 0 {
		return g.completeEmpty()
	}
	if !g.electJoined() {
		g.m.sh.After(g.timer(joinTimer), g.rebalanceTimeout(), g.endJoin)
		return nil
	}
	g.generation++
	name := g.vote()
	g.protocol = &name
	g.findTopics()
	g.become(classicCompleting)
	g.m.options.Logger.Info("a group has a generation", "group", g.name, "generation", g.generation, "members", len(g.members))
	g.syncing = len(g.order)
	for _, mb := range g.order {
		mb.fresh, mb.unsynced = false, true
		g.answerJoin(mb, g.joined(mb))
		g.touch(mb)
	}
	g.m.sh.After(g.timer(syncTimer), g.rebalanceTimeout(), g.expireSync)
	return nil
}

// completeEmpty begins a generation without members. If that can't be recorded
// now it holds all the same: after a restart the members are there again until
// their sessions end.
func (g *classicGroup) completeEmpty() []coordinator.Record {
	r := g.emptyRecord()
	records := []coordinator.Record{r}
	if err := g.m.sh.Check(records); err != nil {
		g.m.options.Logger.Warn("that a group is empty is not recorded", "group", g.name, "error", err)
		g.confirm(r.Value.(*protocol.GroupMetadataValue))
		return nil
	}
	return records
}

// endSync ends the wait for SyncGroups.
func (g *classicGroup) endSync() {
	g.m.sh.Cancel(g.timer(syncTimer))
	for _, mb := range g.order {
		mb.unsynced = false
	}
	g.syncing = 0
}

// expireSync removes the members that haven't sent their SyncGroup in time
// (KAFKA-12495), and rebalances without them.
func (g *classicGroup) expireSync() ([]coordinator.Record, error) {
	gone := g.removeAll(func(mb *classicMember) bool { return mb.unsynced })
	if len(gone) == 0 {
		return nil, nil
	}
	g.m.options.Logger.Info("members that didn't send their SyncGroup are removed", "group", g.name, "members", gone)
	return g.prepareRebalance("members didn't send their SyncGroup"), nil
}

// touch lets a member's session begin anew.
func (g *classicGroup) touch(mb *classicMember) {
	mb.deadline = g.wake(time.Duration(mb.sessionMs) * time.Millisecond)
}

func (g *classicGroup) touchAll() {
	for _, mb := range g.order {
		g.touch(mb)
	}
}

// wake makes sure that the session timer runs within d, and returns when that
// is. A timer that would run earlier is left alone: it finds nothing and is set
// again, which costs less than setting it at each heartbeat.
func (g *classicGroup) wake(d time.Duration) time.Time {
	at := time.Now().Add(d)
	if g.alarm.IsZero() || at.Before(g.alarm) {
		g.alarm = at
		g.m.sh.After(g.timer(sessionTimer), d, g.expireSessions)
	}
	return at
}

// expireSessions removes members and pending ids whose time is over.
func (g *classicGroup) expireSessions() ([]coordinator.Record, error) {
	now := time.Now()
	g.alarm = time.Time{}
	asked := len(g.pending)
	maps.DeleteFunc(g.pending, func(_ string, deadline time.Time) bool { return !deadline.After(now) })
	gone := g.removeAll(func(mb *classicMember) bool { return mb.expired(now) })
	g.setAlarm(now)
	if len(gone) > 0 {
		g.m.options.Metrics.HeartbeatsExpired.Add(len(gone))
		g.m.options.Logger.Info("the sessions of members have ended", "group", g.name, "members", gone)
	}
	switch {
	case len(gone) > 0 && (g.status == classicStable || g.status == classicCompleting):
		return g.prepareRebalance("the sessions of members have ended"), nil
	case len(gone)+asked-len(g.pending) > 0 && g.status == classicPreparing && g.allJoined():
		return g.completeJoin(), nil
	}
	return nil, nil
}

// expired tells that a member's session is over. A member that waits for an
// answer can't heartbeat: it lives on, and its session begins with the answer.
func (mb *classicMember) expired(now time.Time) bool {
	switch {
	case mb.deadline.IsZero() || mb.deadline.After(now):
		return false
	case !mb.fresh && (mb.join != nil || mb.sync != nil):
		mb.deadline = time.Time{}
		return false
	}
	return true
}

// setAlarm sets the session timer for the first deadline there is.
func (g *classicGroup) setAlarm(now time.Time) {
	var first time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, mb := range g.order {
		earlier(mb.deadline)
	}
	for _, t := range g.pending {
		earlier(t)
	}
	if !first.IsZero() {
		g.wake(first.Sub(now))
	}
}
