package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// resetKind is the way to find a new offset.
type resetKind int

const (
	resetToEarliest resetKind = iota
	resetToLatest
	resetToCurrent
	resetToOffset
	resetShiftBy
	resetToTime
	resetFromFile
)

// resetFlags are the flags of which reset-offsets takes one, with Kafka's names.
type resetFlags struct {
	earliest, latest, current bool
	datetime, duration, file  string
	offset, shift             int64
}

var resetFlagNames = []string{"to-earliest", "to-latest", "to-current", "to-offset", "shift-by", "to-datetime", "by-duration", "from-file"}

func (r *resetFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&r.earliest, "to-earliest", false, "to the first offset of the log")
	f.BoolVar(&r.latest, "to-latest", false, "to the end of the log")
	f.BoolVar(&r.current, "to-current", false, "to the committed offset, or the end where there is none")
	f.Int64Var(&r.offset, "to-offset", 0, "to this `offset`")
	f.Int64Var(&r.shift, "shift-by", 0, "by this `number` of offsets, forward or, if negative, back")
	f.StringVar(&r.datetime, "to-datetime", "",
		"to the first record at or after a `time` like 2006-01-02T15:04:05.000, in UTC unless a zone follows (Z, +02, +02:00)")
	f.StringVar(&r.duration, "by-duration", "", "to the first record of the last `duration`, like PT1H30M, P2D or 90m")
	f.StringVar(&r.file, "from-file", "", "to the offsets in a CSV `file` that --export wrote")
	cmd.MarkFlagsMutuallyExclusive(resetFlagNames...)
	cmd.MarkFlagsOneRequired(resetFlagNames...)
}

// resetTarget says where offsets go.
type resetTarget struct {
	kind resetKind
	n    int64 // the offset, the shift, or the time in milliseconds since 1970
}

// target reads the flag that is given; cobra sees to it that it is one.
func (r *resetFlags) target(flags *pflag.FlagSet, now time.Time) (resetTarget, error) {
	switch {
	case r.earliest:
		return resetTarget{kind: resetToEarliest}, nil
	case r.latest:
		return resetTarget{kind: resetToLatest}, nil
	case r.current:
		return resetTarget{kind: resetToCurrent}, nil
	case flags.Changed("to-offset"):
		return resetTarget{resetToOffset, r.offset}, nil
	case flags.Changed("shift-by"):
		return resetTarget{resetShiftBy, r.shift}, nil
	case flags.Changed("to-datetime"):
		at, err := parseDatetime(r.datetime)
		if err != nil {
			return resetTarget{}, fmt.Errorf("--to-datetime: %w", err)
		}
		return resetTarget{resetToTime, at}, nil
	case flags.Changed("by-duration"):
		age, err := parseISODuration(r.duration)
		if err != nil {
			return resetTarget{}, fmt.Errorf("--by-duration: %w", err)
		}
		return resetTarget{resetToTime, now.Add(-age).UnixMilli()}, nil
	}
	return resetTarget{kind: resetFromFile}, nil
}

// datetimeLayouts are the ways in which Kafka's tool takes a moment, with the fraction of a second left to be optional.
var datetimeLayouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"}

// parseDatetime returns milliseconds since 1970. A moment without a zone is in UTC, as Kafka's tool has it, unlike in the
// other commands.
func parseDatetime(s string) (int64, error) {
	for _, layout := range datetimeLayouts {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time: want YYYY-MM-DDThh:mm:ss.sss, in UTC or with a zone like Z or +02:00", s)
}

var isoDuration = regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?[0-9]+)D)?(T(?:([-+]?[0-9]+)H)?(?:([-+]?[0-9]+)M)?(?:([-+]?[0-9]+(?:\.[0-9]{0,9})?)S)?)?$`)

// parseISODuration reads PnDTnHnMn.nS, as Java's Duration does, or a duration of Go.
func parseISODuration(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	m := isoDuration.FindStringSubmatch(s)
	if m == nil || m[2]+m[4]+m[5]+m[6] == "" || m[3] == "T" || m[3] == "t" {
		return 0, fmt.Errorf("%q is not a duration: want PnDTnHnMnS like PT1H30M, or 90m", s)
	}
	var seconds float64
	for i, unit := range map[int]float64{2: 24 * 60 * 60, 4: 60 * 60, 5: 60, 6: 1} {
		if m[i] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[i], 64)
		if err != nil {
			return 0, fmt.Errorf("%q: %w", s, err)
		}
		seconds += n * unit
	}
	if m[1] == "-" {
		seconds = -seconds
	}
	if seconds > 1e9 || seconds < -1e9 { // 31 years; a time.Duration ends at 292
		return 0, fmt.Errorf("%q is too long", s)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// offsetBounds is what is known of a partition when its new offset is chosen. -1: there is none.
type offsetBounds struct {
	current    int64 // committed
	start, end int64
	byTime     int64 // the first record at or after the time
	planned    int64 // from the file
}

// resolve returns the new offset, and what a person should know about it.
func (t resetTarget) resolve(b offsetBounds) (offset int64, note string, err error) {
	switch t.kind {
	case resetToEarliest:
		return b.start, "", nil
	case resetToLatest:
		return b.end, "", nil
	case resetToCurrent:
		if b.current < 0 {
			return b.end, "no offset is committed, so the end is taken", nil
		}
		return b.current, "", nil
	case resetToTime:
		if b.byTime < 0 {
			return b.end, "no record is that late, so the end is taken", nil
		}
		return b.byTime, "", nil
	case resetShiftBy:
		if b.current < 0 {
			return 0, "", fmt.Errorf("no offset is committed that could be shifted")
		}
		return b.clamp(b.current + t.n)
	case resetFromFile:
		return b.clamp(b.planned)
	}
	return b.clamp(t.n)
}

func (b offsetBounds) clamp(offset int64) (int64, string, error) {
	switch {
	case offset > b.end:
		return b.end, fmt.Sprintf("%d is behind the end, so %d is taken", offset, b.end), nil
	case offset < b.start:
		return b.start, fmt.Sprintf("%d is before the start, so %d is taken", offset, b.start), nil
	}
	return offset, "", nil
}
