package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// committer commits the offsets of one group on a connection of its own, one request at a time. The
// request is made once and the offsets are patched in: the client must cost less than the broker.
type committer struct {
	c     *wire.Conn
	req   *kmsg.OffsetCommitRequest
	frame []byte // req
	at    []int  // where frame has its offsets
	good  []byte // the first answer without an error, behind its correlation id: all are the same
	last  int64  // the offset that was last acknowledged
}

func newCommitter(c *wire.Conn, group, topic string, parts int32) *committer {
	const mark = 0x5ca1ab1e_0ddba11
	co := &committer{c: c, req: commitRequest(group, topic, parts)}
	setOffset(co.req, mark)
	co.frame = wire.Frame(co.req, 0)
	marked := binary.BigEndian.AppendUint64(nil, mark)
	for i := range co.frame {
		if bytes.HasPrefix(co.frame[i:], marked) {
			co.at = append(co.at, i)
		}
	}
	return co
}

func (co *committer) next() error {
	for _, at := range co.at {
		binary.BigEndian.PutUint64(co.frame[at:], uint64(co.last+1))
	}
	if err := co.c.SendFrame(co.frame); err != nil {
		return err
	}
	resp, err := co.c.ReceiveFrame()
	if err != nil {
		return err
	}
	if co.good == nil || !bytes.Equal(resp[4:], co.good) {
		if err := commitOK(co.req, resp); err != nil {
			return err
		}
		co.good = bytes.Clone(resp[4:])
	}
	co.last++
	return nil
}

func (co *committer) closedLoop(ctx context.Context, h *histogram) error {
	for ctx.Err() == nil {
		began := time.Now()
		if err := co.next(); err != nil {
			return err
		}
		h.add(int64(time.Since(began)))
	}
	return nil
}

// verify checks that the broker holds what it acknowledged.
func (co *committer) verify() error {
	n := 0
	err := committed(co.c, co.req.Group, func(topic string, p int32, offset int64) error {
		if n++; offset != co.last {
			return fmt.Errorf("VOID: %s has offset %d of %s/%d, want %d", co.req.Group, offset, topic, p, co.last)
		}
		return nil
	})
	if want := len(co.req.Topics[0].Partitions); err == nil && n != want {
		return fmt.Errorf("VOID: %s has offsets of %d partitions, want %d", co.req.Group, n, want)
	}
	return err
}

// committers are many groups that commit at once.
type committers []*committer

func newCommitters(ctx context.Context, addr, topic string, parts int32, groups int) (committers, error) {
	var all committers
	for i := range groups {
		group := fmt.Sprintf("%s-group-%d", topic, i)
		if err := findCoordinator(ctx, addr, group); err != nil {
			return all, err
		}
		c, err := wire.Dial(addr)
		if err != nil {
			return all, err
		}
		co := newCommitter(c, group, topic, parts)
		all = append(all, co)
		if err := untilLoaded(ctx, co.next); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (cs committers) close() {
	for _, co := range cs {
		co.c.Close()
	}
}

// run lets every group commit until the context ends and returns the merged latencies.
func (cs committers) run(ctx context.Context) (*histogram, error) {
	hists := make([]histogram, len(cs))
	errs := make(chan error)
	for i, co := range cs {
		go func() { errs <- co.closedLoop(ctx, &hists[i]) }()
	}
	var err error
	for range cs {
		err = errors.Join(err, <-errs)
	}
	all := new(histogram)
	for i := range hists {
		all.merge(&hists[i])
	}
	return all, err
}

// verify checks all groups and deletes them.
func (cs committers) verify() error {
	var names []string
	for _, co := range cs {
		if err := co.verify(); err != nil {
			return err
		}
		names = append(names, co.req.Group)
	}
	return deleteGroups(cs[0].c, names...)
}

// offsetCommits measures groups that each commit the offsets of a topic's partitions as fast as the
// broker acknowledges.
func offsetCommits(groups int, parts int32) func(context.Context, *env) (values, error) {
	return func(ctx context.Context, e *env) (values, error) {
		addr := e.broker.Addr
		if err := wire.CreateTopic(ctx, addr, e.topic, parts, nil); err != nil {
			return nil, err
		}
		defer wire.DeleteTopic(context.WithoutCancel(ctx), addr, e.topic) //nolint:errcheck // the next run has its own topic
		cs, err := newCommitters(ctx, addr, e.topic, parts, groups)
		defer func() { cs.close() }()
		if err != nil {
			return nil, err
		}
		m, err := e.meter()
		if err != nil {
			return nil, err
		}
		mem := sampleMemory(e.broker)
		timed, cancel := context.WithTimeout(ctx, e.length())
		defer cancel()
		h, err := cs.run(timed)
		peak := mem.stop()
		if err != nil {
			return nil, err
		}
		cpu, wall, err := m.stop()
		if err != nil {
			return nil, err
		}
		v := values{
			"commits/s": float64(h.n) / wall, "CPU us/commit": cpu * 1e6 / float64(h.n),
			"broker CPU %": cpu / wall * 100, "PSS MiB": peak,
		}
		h.fill(v, "")
		return v, cs.verify()
	}
}
