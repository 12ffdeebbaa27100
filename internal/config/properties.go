package config

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
)

// ParseProperties reads a file the way java.util.Properties does: Latin-1, lines
// joined by a backslash at their end, comments after # and !, a key ended by
// =, : or space, and escapes in keys and values. The last of several equal keys
// wins. The only thing that can be wrong is a \u without four hex digits.
func ParseProperties(file []byte) (Map, error) {
	m := make(Map)
	for r := (lineReader{rest: file}); ; {
		line, ok := r.next()
		if !ok {
			return m, nil
		}
		k, v := splitProperty(line)
		key, err := unescape(k)
		if err != nil {
			return nil, err
		}
		value, err := unescape(v)
		if err != nil {
			return nil, err
		}
		m[key] = value
	}
}

// lineReader cuts a file into logical lines.
type lineReader struct{ rest []byte }

// next returns the next logical line that is neither blank nor a comment, with
// its continuations joined and without leading space. It still has its escapes.
// It is empty where the file ends in a lone backslash: Java makes that an entry.
func (r *lineReader) next() ([]byte, bool) {
	var line []byte
	joined := false
	for len(r.rest) > 0 {
		natural := trimLeft(r.natural())
		if len(line) == 0 && (len(natural) == 0 || natural[0] == '#' || natural[0] == '!') {
			joined = false
			continue
		}
		if !continues(natural) {
			return append(line, natural...), true
		}
		line, joined = append(line, natural[:len(natural)-1]...), true
	}
	return line, joined
}

// natural returns the next line as it stands in the file, without its end.
func (r *lineReader) natural() []byte {
	for i, c := range r.rest {
		if c != '\n' && c != '\r' {
			continue
		}
		line, end := r.rest[:i], i+1
		if c == '\r' && end < len(r.rest) && r.rest[end] == '\n' {
			end++
		}
		r.rest = r.rest[end:]
		return line
	}
	line := r.rest
	r.rest = nil
	return line
}

// continues tells whether a line ends in a backslash that nothing escapes.
func continues(line []byte) bool {
	n := 0
	for n < len(line) && line[len(line)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// splitProperty cuts a logical line into key and value, escapes included.
func splitProperty(line []byte) (key, value []byte) {
	end := 0
	for end < len(line) && !isSpace(line[end]) && line[end] != '=' && line[end] != ':' {
		if line[end] == '\\' && end+1 < len(line) {
			end++
		}
		end++
	}
	value = trimLeft(line[end:])
	if len(value) > 0 && (value[0] == '=' || value[0] == ':') {
		value = trimLeft(value[1:])
	}
	return line[:end], value
}

var errUnicodeEscape = errors.New(`malformed \uxxxx escape`)

// unescape resolves the escapes of a key or a value. Java's strings are UTF-16,
// so two escapes may be one character.
func unescape(b []byte) (string, error) {
	units := make([]uint16, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' {
			units = append(units, uint16(c))
			continue
		}
		if i++; i == len(b) {
			break
		}
		if b[i] != 'u' {
			units = append(units, uint16(escaped(b[i])))
			continue
		}
		if i+4 >= len(b) {
			return "", errUnicodeEscape
		}
		n, err := strconv.ParseUint(string(b[i+1:i+5]), 16, 16)
		if err != nil {
			return "", errUnicodeEscape
		}
		units = append(units, uint16(n))
		i += 4
	}
	return string(utf16.Decode(units)), nil
}

// escaped is the character that a backslash and c stand for.
func escaped(c byte) byte {
	if i := strings.IndexByte("tnrf", c); i >= 0 {
		return "\t\n\r\f"[i]
	}
	return c
}
