package config

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is the type of a key's value, as DescribeConfigs numbers them.
type Type int8

// Kafka's types. An INT has 32 bits, a SHORT 16, a LONG 64.
const (
	TypeUnknown Type = iota
	TypeBoolean
	TypeString
	TypeInt
	TypeShort
	TypeLong
	TypeDouble
	TypeList
	TypeClass
	TypePassword
)

func (t Type) String() string {
	return [...]string{"UNKNOWN", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}[t]
}

// Lookup finds the value that is in force for a key, false when the key's
// default is.
type Lookup interface {
	Lookup(k *Key) (value string, ok bool)
}

// Map is a Lookup in values by their keys' names.
type Map map[string]string

// Lookup returns the value of the key's name.
func (m Map) Lookup(k *Key) (string, bool) {
	v, ok := m[k.Name]
	return v, ok
}

// Check tells what is wrong with a value for the key; nil if nothing is. The
// error is an *Error.
func (k *Key) Check(value string) error {
	v, reason := k.Type.parse(value)
	if list, ok := v.([]string); ok && slices.Contains(list, "") {
		return &Error{Key: k.Name, Value: value, Text: "Configuration '" + k.Name + "' values must not be empty."}
	}
	if reason == "" && k.Rule.check != nil {
		value, reason = k.Rule.check(k.Name, v, value)
	}
	if reason != "" {
		if k.Sensitive() {
			value = "[hidden]"
		}
		return &Error{Key: k.Name, Value: value, Reason: reason}
	}
	return nil
}

// parse reads a value as Kafka's ConfigDef does: space around it is ignored.
// The result is a bool, int64, float64, string or []string; the string says
// what is wrong.
func (t Type) parse(value string) (any, string) {
	if t != TypePassword {
		value = strings.TrimSpace(value)
	}
	switch t {
	case TypeBoolean:
		if strings.EqualFold(value, "true") || strings.EqualFold(value, "false") {
			return strings.EqualFold(value, "true"), ""
		}
		return nil, "Expected value to be either true or false"
	case TypeInt, TypeShort, TypeLong:
		n, err := strconv.ParseInt(value, 10, t.bits())
		if err != nil {
			return nil, "Not a number of type " + t.String()
		}
		return n, ""
	case TypeDouble:
		f, ok := parseDouble(value)
		if !ok {
			return nil, "Not a number of type DOUBLE"
		}
		return f, ""
	case TypeList:
		return splitList(value), ""
	}
	return value, ""
}

// javaDouble is what Double.parseDouble takes, NaN apart: no bound holds for that.
var javaDouble = regexp.MustCompile(`^([+-]?)(Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|` +
	`0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[fFdD]?$`)

func parseDouble(value string) (float64, bool) {
	m := javaDouble.FindStringSubmatch(value)
	if m == nil {
		return 0, false
	}
	f, _ := strconv.ParseFloat(m[1]+m[2], 64) // out of range is infinite, as in Java
	return f, true
}

func (t Type) isNumber() bool {
	return t == TypeInt || t == TypeShort || t == TypeLong || t == TypeDouble
}

func (t Type) bits() int {
	switch t {
	case TypeShort:
		return 16
	case TypeInt:
		return 32
	}
	return 64
}

// splitList cuts a list at its commas. An empty value is an empty list.
func splitList(value string) []string {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil
	}
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// raw returns the value in force, "" where it is null. Values are checked before
// they are stored; one that isn't valid all the same (a metadata log may be
// older than a bound) reads as the default.
func (k *Key) raw(l Lookup) string {
	if l != nil {
		if v, ok := l.Lookup(k); ok && k.Check(v) == nil {
			return v
		}
	}
	return k.Default
}

// IsSet tells whether a value is in force that isn't the key's default.
func (k *Key) IsSet(l Lookup) bool {
	if l == nil {
		return false
	}
	_, ok := l.Lookup(k)
	return ok
}

// The typed keys. In returns the value in force in a Lookup; a nil Lookup holds
// nothing. A null value reads as the zero value of the type.
type (
	// Bool is a key of type BOOLEAN.
	Bool struct{ *Key }
	// Int is a key of type INT or SHORT.
	Int struct{ *Key }
	// Long is a key of type LONG.
	Long struct{ *Key }
	// Bytes is a number of bytes, of type INT or LONG.
	Bytes struct{ *Key }
	// Millis is a number of milliseconds, of type INT or LONG.
	Millis struct{ *Key }
	// Double is a key of type DOUBLE.
	Double struct{ *Key }
	// Text is a key of type STRING, CLASS or PASSWORD.
	Text struct{ *Key }
	// List is a key of type LIST.
	List struct{ *Key }
)

// In returns the value in force.
func (k Bool) In(l Lookup) bool { return strings.EqualFold(strings.TrimSpace(k.raw(l)), "true") }

// In returns the value in force.
func (k Int) In(l Lookup) int { return int(k.number(l)) }

// In returns the value in force.
func (k Long) In(l Lookup) int64 { return k.number(l) }

// In returns the value in force, in bytes.
func (k Bytes) In(l Lookup) int64 { return k.number(l) }

// In returns the value in force. One too large for a Duration, such as the
// largest LONG that stands for "never", reads as the longest Duration (292
// years); a negative one keeps its meaning by staying negative.
func (k Millis) In(l Lookup) time.Duration {
	ms := k.number(l)
	if ms > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}

// In returns the value in force.
func (k Double) In(l Lookup) float64 {
	f, _ := parseDouble(strings.TrimSpace(k.raw(l)))
	return f
}

// In returns the value in force.
func (k Text) In(l Lookup) string { return strings.TrimSpace(k.raw(l)) }

// In returns the elements of the value in force, each once.
func (k List) In(l Lookup) []string { return distinctStrings(splitList(k.raw(l))) }

// distinctStrings leaves out what was there before.
func distinctStrings(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (k *Key) number(l Lookup) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(k.raw(l)), 10, 64)
	return n
}
