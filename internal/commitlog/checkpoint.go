package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/travisjeffery/jocko/internal/record"
)

// Checkpoint files are text without a checksum, one item a line, and are replaced as a whole:
//
//	0                     version
//	2                     number of lines that follow
//	topic 0 1234          topic, partition, offset       (offset checkpoints)
//	orders 12 99
//
//	0
//	1
//	3 1234                leader epoch, its first offset (leader-epoch-checkpoint)
//
// They are checked for syntax and order; one that fails is treated as missing, and what it said is computed anew.

// Offset checkpoints of a log directory.
const (
	recoveryPointFile = "recovery-point-offset-checkpoint"
	highWatermarkFile = "replication-offset-checkpoint"
	logStartFile      = "log-start-offset-checkpoint"
	cleanerFile       = "cleaner-offset-checkpoint"
)

var errCheckpoint = errors.New("the checkpoint is damaged")

// tpOffset is one line of an offset checkpoint.
type tpOffset struct {
	tp     TP
	offset record.Offset
}

func encodeOffsets(lines []tpOffset) []byte {
	slices.SortFunc(lines, func(a, b tpOffset) int { return a.tp.compare(b.tp) })
	b := fmt.Appendf(nil, "0\n%d\n", len(lines))
	for _, l := range lines {
		b = append(b, l.tp.Topic...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(l.tp.Partition), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(l.offset), 10)
		b = append(b, '\n')
	}
	return b
}

func decodeOffsets(b []byte) (map[TP]record.Offset, error) {
	lines, err := checkpointLines(b)
	if err != nil {
		return nil, err
	}
	out := make(map[TP]record.Offset, len(lines))
	for _, l := range lines {
		f := bytes.Split(l, []byte{' '})
		if len(f) != 3 || len(f[0]) == 0 {
			return nil, fmt.Errorf("%w: %q", errCheckpoint, l)
		}
		p, err := parseNumber(f[1], math.MaxInt32)
		o, err2 := parseNumber(f[2], math.MaxInt64)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("%w: %q", errCheckpoint, l)
		}
		out[TP{string(f[0]), int32(p)}] = record.Offset(o)
	}
	return out, nil
}

func encodeEpochs(entries []epochEntry) []byte {
	b := fmt.Appendf(nil, "0\n%d\n", len(entries))
	for _, e := range entries {
		b = fmt.Appendf(b, "%d %d\n", e.epoch, e.start)
	}
	return b
}

func decodeEpochs(b []byte) ([]epochEntry, error) {
	lines, err := checkpointLines(b)
	if err != nil {
		return nil, err
	}
	out := make([]epochEntry, 0, len(lines))
	for _, l := range lines {
		epoch, offset, _ := bytes.Cut(l, []byte{' '})
		e, err := parseNumber(epoch, math.MaxInt32)
		o, err2 := parseNumber(offset, math.MaxInt64)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("%w: %q", errCheckpoint, l)
		}
		entry := epochEntry{record.LeaderEpoch(e), record.Offset(o)}
		if n := len(out); n > 0 && (entry.epoch <= out[n-1].epoch || entry.start <= out[n-1].start) {
			return nil, fmt.Errorf("%w: %q is out of order", errCheckpoint, l)
		}
		out = append(out, entry)
	}
	return out, nil
}

// checkpointLines checks the version and the count, and returns the lines after them.
func checkpointLines(b []byte) ([][]byte, error) {
	if len(b) == 0 || b[len(b)-1] != '\n' {
		return nil, fmt.Errorf("%w: it ends within a line", errCheckpoint)
	}
	lines := bytes.Split(b[:len(b)-1], []byte{'\n'})
	if len(lines) < 2 || string(lines[0]) != "0" {
		return nil, fmt.Errorf("%w: no version 0", errCheckpoint)
	}
	n, err := parseNumber(lines[1], math.MaxInt32)
	if err != nil || n != int64(len(lines)-2) {
		return nil, fmt.Errorf("%w: %q lines announced, %d there", errCheckpoint, lines[1], len(lines)-2)
	}
	return lines[2:], nil
}

func parseNumber(b []byte, limit int64) (int64, error) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 0 || n > limit {
		return 0, errCheckpoint
	}
	return n, nil
}
