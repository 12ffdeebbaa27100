package interop

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// kcat is Debian's kcat, over the distribution's librdkafka. It doesn't administer.
type kcat struct{ addr string }

func TestKcat(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Skip("kcat is not installed: apt-get install kcat")
	}
	c := kcat{target(t).Addr}
	exercise(t, c, offers{codecs: codecs, idempotence: true, consumes: true})
	t.Run("list", func(t *testing.T) {
		topic := newTopic(t, 4)
		eventually(t, func() error {
			out, err := try(exec.Command("kcat", "-b", c.addr, "-L", "-t", topic), "")
			if err != nil || !strings.Contains(out, fmt.Sprintf("topic %q with 4 partitions", topic)) {
				return fmt.Errorf("%w\n%s", err, out)
			}
			return nil
		})
	})
	t.Run("query", func(t *testing.T) {
		topic := newTopic(t, 1)
		seed(t, topic, 50)
		at := baseTime.Add(20 * time.Second).UnixMilli()
		out := output(t, exec.Command("kcat", "-b", c.addr, "-Q", "-t", fmt.Sprintf("%s:0:%d", topic, at)), "")
		if !strings.Contains(out, "offset 20") {
			t.Errorf("the offset of %d: %s", at, out)
		}
	})
}

func (c kcat) produce(topic string, partition int32, codec, acks string, idempotent bool, n int) error {
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "%s\t%s\n", key(i), value(i))
	}
	_, err := try(exec.Command("kcat", "-b", c.addr, "-P", "-t", topic, "-p", strconv.Itoa(int(partition)), "-K", "\t",
		"-z", codec, "-H", "h=v", "-X", "acks="+acks, "-X", fmt.Sprintf("enable.idempotence=%v", idempotent),
		"-X", "linger.ms=50"), in.String())
	return err
}

func (c kcat) consume(topic string, partition int32, offset int64, n int) ([]rec, error) {
	return c.read(topic, partition, strconv.FormatInt(offset, 10), n)
}

func (c kcat) consumeAt(topic string, partition int32, timestamp int64, n int) ([]rec, error) {
	return c.read(topic, partition, fmt.Sprintf("s@%d", timestamp), n)
}

func (c kcat) read(topic string, partition int32, from string, n int) ([]rec, error) {
	out, err := try(exec.Command("kcat", "-b", c.addr, "-C", "-t", topic, "-p", strconv.Itoa(int(partition)),
		"-o", from, "-c", strconv.Itoa(n), "-e", "-q", "-f", "record %o %T %k\t%s\n"), "")
	if err != nil {
		return nil, err
	}
	return records(strings.Split(strings.TrimRight(out, "\n"), "\n"), nil)
}

func (kcat) createTopic(string, int32, map[string]string) error { return errors.ErrUnsupported }
func (kcat) partitions(string) (int, error)                     { return 0, errors.ErrUnsupported }
func (kcat) setConfig(string, string, string) error             { return errors.ErrUnsupported }
func (kcat) config(string, string) (string, error)              { return "", errors.ErrUnsupported }
func (kcat) addPartitions(string, int32) error                  { return errors.ErrUnsupported }
func (kcat) deleteRecords(string, int32, int64) error           { return errors.ErrUnsupported }
func (kcat) deleteTopic(string) error                           { return errors.ErrUnsupported }
