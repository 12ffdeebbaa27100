package config

import (
	"math"
	"strconv"
	"strings"
)

// text is a value as Kafka's DescribeConfigs prints what it has parsed: "0.50"
// is 0.5, " TRUE " is true, and a list has no space around its commas. A value
// that can't be parsed is printed as it is.
func (k *Key) text(value string) string {
	v, reason := k.Type.parse(value)
	if reason != "" {
		return value
	}
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return doubleText(v)
	case []string:
		return strings.Join(v, ",")
	case string:
		return v
	}
	return value
}

// doubleText prints a number as Java does.
func doubleText(f float64) string {
	switch size := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64)+"inity", "+")
	case size == 0 || size >= 1e-3 && size < 1e7:
		return withPoint(strconv.FormatFloat(f, 'f', -1, 64))
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	n, _ := strconv.Atoi(exponent)
	return withPoint(digits) + "E" + strconv.Itoa(n)
}

func withPoint(digits string) string {
	if strings.Contains(digits, ".") {
		return digits
	}
	return digits + ".0"
}
