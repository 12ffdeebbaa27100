package sim

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/config"
)

// target is the broker that a campaign of clients is run against: a process of this tree, or, as a control, one that
// runs already (-faults.peer) and that a command kills and starts again (-faults.bounce).
type target struct {
	t    *testing.T
	addr string
	own  *process // nil: the control

	mu    sync.Mutex
	downs []outage
}

// outage is the time between a kill and the end of the start after it; up is zero while that lasts.
type outage struct{ down, up time.Time }

// newTarget starts a broker with few partitions in its internal topics and short time-outs.
func newTarget(t *testing.T) *target {
	if *peerFlag != "" {
		return &target{t: t, addr: *peerFlag}
	}
	p := newProcess(t, t.TempDir(), config.Map{
		"auto.create.topics.enable":                                   "false",
		"offsets.topic.num.partitions":                                "5",
		"transaction.state.log.num.partitions":                        "5",
		"group.initial.rebalance.delay.ms":                            "0",
		"group.min.session.timeout.ms":                                "1000",
		"group.consumer.min.session.timeout.ms":                       "1000",
		"group.consumer.session.timeout.ms":                           "1500",
		"group.consumer.min.heartbeat.interval.ms":                    "100",
		"group.consumer.heartbeat.interval.ms":                        "300",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "2000",
	})
	p.start()
	return &target{t: t, addr: p.addr, own: p}
}

// bounce kills the broker with kill -9 and starts it on the same directory.
func (b *target) bounce() {
	b.t.Helper()
	b.mu.Lock()
	b.downs = append(b.downs, outage{down: time.Now()})
	b.mu.Unlock()
	switch {
	case b.own != nil:
		b.own.kill()
		b.own.start()
	case *bounceFlag != "":
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "sh", "-c", *bounceFlag).CombinedOutput(); err != nil {
			b.t.Fatalf("-faults.bounce: %v: %s", err, out)
		}
	}
	b.mu.Lock()
	b.downs[len(b.downs)-1].up = time.Now()
	b.mu.Unlock()
}

// downSince is how long the broker has been down since a moment.
func (b *target) downSince(from time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum time.Duration
	for _, o := range b.downs {
		up := o.up
		if up.IsZero() {
			up = time.Now()
		}
		if o.down.Before(from) {
			o.down = from
		}
		sum += max(0, up.Sub(o.down))
	}
	return sum
}

// log is the end of the broker's log.
func (b *target) log() string {
	if b.own == nil {
		return "of the control: not kept here"
	}
	return tail(b.own.log.String())
}

// await waits until a topic that was created, or whose broker was started, is served: Kafka begins a little after it answers.
func (b *target) await(names ...string) {
	b.t.Helper()
	limit := time.After(callTimeout)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := b.serves(names)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			b.t.Fatalf("after %v: %v", callTimeout, err)
		}
	}
}

func (b *target) serves(names []string) error {
	c, err := connect(tcp(b.addr))
	if err != nil {
		return err
	}
	defer c.close()
	topics, err := c.topics()
	if err != nil {
		return err
	}
	for _, name := range names {
		info, there := topics[name]
		if !there {
			return fmt.Errorf("%s is not there", name)
		}
		for i := range info.partitions {
			if _, err := c.end(partition{name, int32(i)}, false); err != nil {
				return fmt.Errorf("%s-%d: %w", name, i, err)
			}
		}
	}
	return nil
}
