package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Rule refuses values that have the right type and are still wrong. The zero
// Rule accepts all.
type Rule struct {
	valid string // what is accepted, for documents
	check check
}

// A check is given the parsed value and the text it came from; it returns what
// to show as the offending value and what is wrong with it, "" if nothing is.
type check func(key string, value any, text string) (shown, reason string)

// Valid says which values the key accepts beyond its type, "" if all.
func (k *Key) Valid() string { return k.Rule.valid }

// Error is a config that is refused. Its text is Kafka's.
type Error struct {
	Key    string
	Value  string
	Reason string
	// Text is the whole message, where Kafka's has another form.
	Text string
	// Request tells that Kafka blames the request (INVALID_REQUEST), not the
	// value (INVALID_CONFIG).
	Request bool
}

func (e *Error) Error() string {
	if e.Text != "" {
		return e.Text
	}
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", e.Value, e.Key, e.Reason)
}

// show writes a number as Java does in messages: a double always has a point.
func show(v any, text string) string {
	if f, ok := v.(float64); ok {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	return strings.TrimSpace(text)
}

func number(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v.(float64)
}

// The rules without parameters.
var (
	gzipLevel         = Rule{"-1, or 1 to 9", checkGzipLevel}
	throttledReplicas = Rule{"*, or partition:broker pairs", checkThrottledReplicas}
	addressLimits     = Rule{"address:count pairs", checkAddressLimits}
	httpURL           = Rule{"an http or https URL", checkHttpURL}
	offsetReset       = Rule{"earliest, latest, or by_duration: and an ISO 8601 duration", checkOffsetReset}
)

// plain writes a bound without an exponent.
func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func atLeast(low float64) Rule {
	return Rule{"at least " + plain(low), func(_ string, v any, text string) (string, string) {
		if number(v) < low {
			return show(v, text), "Value must be at least " + plain(low)
		}
		return "", ""
	}}
}

func between(low, high float64) Rule {
	return Rule{plain(low) + " to " + plain(high), func(key string, v any, text string) (string, string) {
		if number(v) > high {
			return show(v, text), "Value must be no more than " + plain(high)
		}
		return atLeast(low).check(key, v, text)
	}}
}

// gzipLevel is 1 to 9, or -1 for the codec's own choice.
func checkGzipLevel(_ string, v any, text string) (string, string) {
	if n := v.(int64); n != -1 && (n < 1 || n > 9) {
		return show(v, text), "Value must be between 1 and 9 or equal to -1"
	}
	return "", ""
}

func oneOf(valid ...string) Rule {
	return Rule{strings.Join(valid, ", "), func(_ string, v any, _ string) (string, string) {
		if s := v.(string); !slices.Contains(valid, s) {
			return s, "String must be one of: " + strings.Join(valid, ", ")
		}
		return "", ""
	}}
}

func oneOfAnyCase(valid ...string) Rule {
	return Rule{strings.Join(valid, ", ") + ", in any case", func(_ string, v any, _ string) (string, string) {
		s := v.(string)
		if !slices.ContainsFunc(valid, func(o string) bool { return strings.EqualFold(o, s) }) {
			return s, "String must be one of (case insensitive): " + strings.Join(valid, ", ")
		}
		return "", ""
	}}
}

func listOf(valid ...string) Rule {
	return Rule{"any of " + strings.Join(valid, ", "), func(_ string, v any, _ string) (string, string) {
		for _, s := range v.([]string) {
			if !slices.Contains(valid, s) {
				return s, "String must be one of: " + strings.Join(valid, ", ")
			}
		}
		return "", ""
	}}
}

// throttledReplicas is "*", or partition:broker pairs.
func checkThrottledReplicas(key string, v any, _ string) (string, string) {
	list := v.([]string)
	if len(list) == 1 && list[0] == "*" {
		return "", ""
	}
	for _, pair := range list {
		p, b, ok := strings.Cut(pair, ":")
		if !ok || !allDigits(p) || !allDigits(b) {
			return "[" + strings.Join(list, ", ") + "]", key + " must be the literal '*' or a list of replicas in the " +
				"following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
		}
	}
	return "", ""
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// httpURL admits the URL of an HTTP server.
func checkHttpURL(_ string, _ any, text string) (shown, reason string) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return text, "Want a URL, http://host:port/path"
	}
	return "", ""
}

// addressLimits is address:count pairs.
func checkAddressLimits(_ string, v any, text string) (string, string) {
	for _, pair := range splitList(v.(string)) {
		i := strings.LastIndexByte(pair, ':')
		if n, err := strconv.Atoi(strings.TrimSpace(pair[i+1:])); i <= 0 || err != nil || n < 0 {
			return text, "Want address:count pairs"
		}
	}
	return "", ""
}
