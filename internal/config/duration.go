package config

import (
	"regexp"
	"strings"
)

// isoDuration is what Java's Duration.parse reads: days, hours, minutes and
// seconds, each with a sign of its own.
var isoDuration = regexp.MustCompile(`^(?i)([-+]?)P(?:([-+]?[0-9]+)D)?(T(?:([-+]?[0-9]+)H)?(?:([-+]?[0-9]+)M)?(?:([-+]?[0-9]+)(?:[.,]([0-9]{0,9}))?S)?)?$`)

// checkOffsetReset is the rule of share.auto.offset.reset.
func checkOffsetReset(key string, v any, _ string) (string, string) {
	s := v.(string)
	if s == "earliest" || s == "latest" {
		return "", ""
	}
	if d, ok := strings.CutPrefix(s, "by_duration:"); ok && validDuration(d) {
		return "", ""
	}
	return s, "Invalid value `" + s + "` for configuration " + key +
		". The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
}

// validDuration tells whether a duration can be read and isn't negative.
func validDuration(d string) bool {
	m := isoDuration.FindStringSubmatch(d)
	if m == nil || strings.EqualFold(m[3], "T") {
		return false
	}
	days, rest := m[2], m[4]+m[5]+m[6]
	return days+rest != "" && !strings.Contains(m[1]+days+rest, "-")
}
