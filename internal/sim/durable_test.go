package sim

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestFailedDirAnswersAtOnce: a durable write is refused at once when its log dir failed, also if another file of it did.
func TestFailedDirAnswersAtOnce(t *testing.T) {
	for _, acks := range []int16{1, -1} {
		t.Run(fmt.Sprint("acks=", acks), func(t *testing.T) {
			broken := make(chan struct{})
			fs := vfs.NewFault(vfs.NewMem(), func(op vfs.Op) error {
				select {
				case <-broken:
					if op.Kind == vfs.OpSync || op.Kind == vfs.OpDatasync && !strings.Contains(op.Path, "__raft") {
						return syscall.EIO
					}
				default:
				}
				return nil
			})
			b := mustBoot(t, fs, nil)
			c := b.client(t)
			ok(t, c.createTopic("t", 3, map[string]string{"flush.messages": "1"}))
			builder := record.NewBuilder(record.None, 0)
			builder.Append(0, nil, []byte("x"))
			batch := builder.Build()
			for i := range int32(3) {
				_, err := c.produce(partition{"t", i}, clone(batch), acks)
				ok(t, err)
			}
			close(broken)
			begin := time.Now()
			for i := range int32(3) {
				var answered protocol.Error
				if _, err := c.produce(partition{"t", i}, clone(batch), acks); !errors.As(err, &answered) || !answered.Retriable() {
					t.Errorf("partition %d: %v", i, err)
				}
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("the answers took %v", took)
			}
			c.close()
			_ = b.end() // the log dir can't be closed in order
		})
	}
}

// TestDuplicateIsAnsweredWhenOnDisk: an idempotent client that sends its batch again on a new connection, while the first one's sync is
// under way, is answered when that sync is over. What it was told is there after a power cut.
func TestDuplicateIsAnsweredWhenOnDisk(t *testing.T) {
	for _, acks := range []int16{1, -1} {
		t.Run(fmt.Sprint("acks=", acks), func(t *testing.T) {
			syncing, goOn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			fs := vfs.NewFault(vfs.NewMem(), func(op vfs.Op) error {
				if op.Kind == vfs.OpDatasync && strings.Contains(op.Path, "t-0") {
					once.Do(func() { close(syncing) })
					<-goOn
				}
				return nil
			})
			b := mustBoot(t, fs, nil)
			first, again, third := b.client(t), b.client(t), b.client(t)
			ok(t, first.createTopic("t", 1, map[string]string{"flush.messages": "1"}))
			id, epoch, err := first.initProducerID()
			ok(t, err)
			builder := record.NewBuilder(record.None, 0)
			builder.SetProducer(record.ProducerID(id), record.ProducerEpoch(epoch), 0, false)
			builder.Append(0, nil, []byte("x"))
			batch := builder.Build()
			answers := make(chan error, 2)
			send := func(c *client) {
				offset, err := c.produce(partition{"t", 0}, clone(batch), acks)
				if err == nil && offset != 0 {
					err = fmt.Errorf("answered with offset %d", offset)
				}
				answers <- err
			}
			go send(first)
			<-syncing
			go send(again)
			select {
			case err := <-answers:
				t.Errorf("answered before the sync: %v", err)
				answers <- err
			case <-time.After(200 * time.Millisecond): // time for a wrong answer; a right one doesn't come, however slow the machine
			}
			if end, err := third.offset(partition{"t", 0}, -1); err != nil || end != 0 {
				t.Errorf("the high watermark is %d before the sync: %v", end, err)
			}
			close(goOn)
			ok(t, errors.Join(<-answers, <-answers))
			for _, c := range []*client{first, again, third} {
				c.close()
			}
			ok(t, b.end())
		})
	}
}
