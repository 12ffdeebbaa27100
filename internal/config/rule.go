package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Rule refuses values that have the right type and are still wrong. It is given
// the parsed value and the text it came from; it returns what to show as the
// offending value and what is wrong with it, "" if nothing is.
type Rule func(key string, value any, text string) (shown, reason string)

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

func atLeast(low float64) Rule {
	return func(_ string, v any, text string) (string, string) {
		if number(v) < low {
			return show(v, text), "Value must be at least " + strconv.FormatFloat(low, 'f', -1, 64)
		}
		return "", ""
	}
}

func between(low, high float64) Rule {
	return func(key string, v any, text string) (string, string) {
		if number(v) > high {
			return show(v, text), "Value must be no more than " + strconv.FormatFloat(high, 'f', -1, 64)
		}
		return atLeast(low)(key, v, text)
	}
}

// gzipLevel is 1 to 9, or -1 for the codec's own choice.
func gzipLevel(_ string, v any, text string) (string, string) {
	if n := v.(int64); n != -1 && (n < 1 || n > 9) {
		return show(v, text), "Value must be between 1 and 9 or equal to -1"
	}
	return "", ""
}

func oneOf(valid ...string) Rule {
	return func(_ string, v any, _ string) (string, string) {
		if s := v.(string); !slices.Contains(valid, s) {
			return s, "String must be one of: " + strings.Join(valid, ", ")
		}
		return "", ""
	}
}

func oneOfAnyCase(valid ...string) Rule {
	return func(_ string, v any, _ string) (string, string) {
		s := v.(string)
		if !slices.ContainsFunc(valid, func(o string) bool { return strings.EqualFold(o, s) }) {
			return s, "String must be one of (case insensitive): " + strings.Join(valid, ", ")
		}
		return "", ""
	}
}

func listOf(valid ...string) Rule {
	return func(_ string, v any, _ string) (string, string) {
		for _, s := range v.([]string) {
			if !slices.Contains(valid, s) {
				return s, "String must be one of: " + strings.Join(valid, ", ")
			}
		}
		return "", ""
	}
}

func notEmpty(_ string, v any, text string) (string, string) {
	if s, ok := v.(string); ok && s == "" {
		return text, "String must be non-empty"
	}
	return "", ""
}

// throttledReplicas is "*", or partition:broker pairs.
func throttledReplicas(key string, v any, _ string) (string, string) {
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
func httpURL(_ string, _ any, text string) (shown, reason string) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return text, "Want a URL, http://host:port/path"
	}
	return "", ""
}
