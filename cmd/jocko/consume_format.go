package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const formatHelp = `%s value, %S its length, %R its length as 4 big-endian bytes, %k key, %K its length, %h headers, %t topic, %p partition,
%o offset, %T timestamp (ms), %% a percent sign; \n \r \t \0 \\ \xHH as usual. The length of null is -1.`

// formatter appends a record's text to dst.
type formatter func(dst []byte, r *consumed) ([]byte, error)

// newTemplate compiles a printf-like format. Null keys and values are printed as null.
func newTemplate(format string, null []byte) (formatter, error) {
	var parts []formatter
	var text []byte
	literal := func() {
		if len(text) > 0 {
			t := text
			parts = append(parts, func(dst []byte, _ *consumed) ([]byte, error) { return append(dst, t...), nil })
			text = nil
		}
	}
	for i := 0; i < len(format); i++ {
		switch c := format[i]; {
		case c == '\\':
			b, size, err := escapeAt(format[i:])
			if err != nil {
				return nil, err
			}
			text = append(text, b)
			i += size - 1
		case c != '%':
			text = append(text, c)
		case strings.HasPrefix(format[i:], "%%"):
			text = append(text, '%')
			i++
		default:
			literal()
			i++
			if i == len(format) {
				return nil, fmt.Errorf("a lone %% at the end: write %%%% for a percent sign")
			}
			part := verb(format[i], null)
			if part == nil {
				return nil, fmt.Errorf("unknown %%%c: want %s", format[i], formatHelp)
			}
			parts = append(parts, part)
		}
	}
	literal()
	return func(dst []byte, r *consumed) (_ []byte, err error) {
		for _, part := range parts {
			if dst, err = part(dst, r); err != nil {
				return nil, err
			}
		}
		return dst, nil
	}, nil
}

// verb returns what a letter after % prints, nil if it means nothing.
func verb(letter byte, null []byte) formatter {
	plain := func(f func(dst []byte, r *consumed) []byte) formatter {
		return func(dst []byte, r *consumed) ([]byte, error) { return f(dst, r), nil }
	}
	number := func(f func(r *consumed) int64) formatter {
		return plain(func(dst []byte, r *consumed) []byte { return strconv.AppendInt(dst, f(r), 10) })
	}
	switch letter {
	case 's':
		return plain(func(dst []byte, r *consumed) []byte { return appendOr(dst, r.value, null) })
	case 'k':
		return plain(func(dst []byte, r *consumed) []byte { return appendOr(dst, r.key, null) })
	case 'S':
		return number(func(r *consumed) int64 { return length(r.value) })
	case 'K':
		return number(func(r *consumed) int64 { return length(r.key) })
	case 'R':
		return plain(func(dst []byte, r *consumed) []byte {
			return binary.BigEndian.AppendUint32(dst, uint32(length(r.value)))
		})
	case 't':
		return plain(func(dst []byte, r *consumed) []byte { return append(dst, r.topic...) })
	case 'p':
		return number(func(r *consumed) int64 { return int64(r.partition) })
	case 'o':
		return number(func(r *consumed) int64 { return r.offset })
	case 'T':
		return number(func(r *consumed) int64 { return r.timestamp })
	case 'h':
		return func(dst []byte, r *consumed) ([]byte, error) { return appendHeaders(dst, r, null) }
	}
	return nil
}

func appendOr(dst, b, null []byte) []byte {
	if b == nil {
		return append(dst, null...)
	}
	return append(dst, b...)
}

func length(b []byte) int64 {
	if b == nil {
		return -1
	}
	return int64(len(b))
}

// appendHeaders prints headers as key=value,key=value, as they are: a comma may
// stand between two of them or in one. appendJSON tells these apart.
func appendHeaders(dst []byte, r *consumed, null []byte) ([]byte, error) {
	first := true
	err := r.eachHeader(func(key, value []byte) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, key...), '=')
		dst = appendOr(dst, value, null)
	})
	return dst, err
}

// newDelimited prints values, behind their keys if there is a key delimiter, with a delimiter after each record.
func newDelimited(keyDelimiter, delimiter string, null []byte) formatter {
	return func(dst []byte, r *consumed) ([]byte, error) {
		if keyDelimiter != "" {
			dst = append(appendOr(dst, r.key, null), keyDelimiter...)
		}
		return append(appendOr(dst, r.value, null), delimiter...), nil
	}
}

// appendJSON prints a record as an object on a line of its own. Nothing is lost: bytes that aren't UTF-8 come as base64,
// in a field whose name ends in _base64 and stands in for the plain one.
func appendJSON(dst []byte, r *consumed) ([]byte, error) {
	dst = append(dst, `{"topic":`...)
	dst = appendJSONString(dst, []byte(r.topic))
	dst = append(dst, `,"partition":`...)
	dst = strconv.AppendInt(dst, int64(r.partition), 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, r.offset, 10)
	dst = append(dst, `,"timestamp":`...)
	dst = strconv.AppendInt(dst, r.timestamp, 10)
	dst = append(dst, `,"timestamp_type":"`...)
	if r.appendTime {
		dst = append(dst, "append"...)
	} else {
		dst = append(dst, "create"...)
	}
	dst = append(dst, `",`...)
	dst = appendJSONField(dst, "key", r.key)
	dst = append(dst, ',')
	dst = appendJSONField(dst, "value", r.value)
	dst = append(dst, `,"headers":[`...)
	first := true
	err := r.eachHeader(func(key, value []byte) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '{')
		dst = appendJSONField(dst, "key", key)
		dst = append(dst, ',')
		dst = appendJSONField(dst, "value", value)
		dst = append(dst, '}')
	})
	return append(dst, "]}\n"...), err
}

func appendJSONField(dst []byte, name string, b []byte) []byte {
	dst = append(append(dst, '"'), name...)
	switch {
	case b == nil:
		return append(dst, `":null`...)
	case utf8.Valid(b):
		return appendJSONString(append(dst, `":`...), b)
	}
	dst = append(dst, `_base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendJSONString quotes UTF-8 text.
func appendJSONString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
