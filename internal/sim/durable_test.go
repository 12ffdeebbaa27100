package sim

import (
	"errors"
	"fmt"
	"strings"
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
