package jockotest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/travisjeffery/jocko/jockotest"
)

// A consumer that waits for records must not hold up the broker's end: its wait
// is a minute, the server's patience five seconds.
func TestStopDoesNotWaitForConsumers(t *testing.T) {
	b := jockotest.Start(t)
	produceConsume(t, b, 1)
	polled := make(chan struct{})
	var once sync.Once
	cl := client(t, b.Addr(), kgo.FetchMaxWait(time.Minute), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtEnd()}}),
		kgo.WithHooks(hookFunc(func() { once.Do(func() { close(polled) }) })))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go cl.PollFetches(ctx)
	<-polled
	start := time.Now()
	b.Stop()
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// hookFunc calls a function when the first fetch request was written.
type hookFunc func()

func (f hookFunc) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if key == 1 {
		f()
	}
}
