package main

import (
	"fmt"
	"strconv"
	"strings"
)

// unescape reads the escapes of a delimiter or a format: \n \r \t \0 \\ \a \b \f \v \e and \xHH.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		c, size, err := escapeAt(s[i:])
		if err != nil {
			return "", err
		}
		b.WriteByte(c)
		i += size - 1
	}
	return b.String(), nil
}

// escapeAt reads the escape that s begins with, and returns its byte and its length.
func escapeAt(s string) (c byte, size int, err error) {
	const letters, bytes = `nrt0\abfve`, "\n\r\t\x00\\\a\b\f\v\x1b"
	if len(s) < 2 {
		return 0, 0, fmt.Errorf(`a lone \ at the end: write \\ for a backslash`)
	}
	if at := strings.IndexByte(letters, s[1]); at >= 0 {
		return bytes[at], 2, nil
	}
	if s[1] == 'x' && len(s) >= 4 {
		if v, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
			return byte(v), 4, nil
		}
	}
	return 0, 0, fmt.Errorf(`unknown escape %q: want one of \n \r \t \0 \\ \xHH`, s[:2])
}
