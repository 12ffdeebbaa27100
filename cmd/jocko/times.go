package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are the ways to write a moment, beside milliseconds and durations. Without a zone it is local time.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"}

const timeHelp = "milliseconds since 1970, a date and time like 2006-01-02T15:04:05Z, or an age like 90m or 24h"

// parseTime reads a moment as timeHelp describes it and returns it in milliseconds since 1970.
func parseTime(s string, now time.Time) (int64, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms >= 0 {
		return ms, nil
	}
	if age, err := time.ParseDuration(strings.TrimPrefix(s, "-")); err == nil {
		return now.Add(-age).UnixMilli(), nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time: want %s", s, timeHelp)
}
