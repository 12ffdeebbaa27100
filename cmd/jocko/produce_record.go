package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// message is one record on its way into or out of a topic. Nil key and value are null.
type message struct {
	key, value []byte
	headers    []header
	timestamp  int64 // ms since 1970
	partition  int32 // -1: by the key, or any
}

type header struct {
	key   string
	value []byte // nil: null
}

// lineParser makes messages of the records that the input was cut into. Its messages point into the record.
type lineParser struct {
	keyDelimiter []byte // empty: the record is the value
	key          []byte // of every record that has none of its own
	null         []byte // a key or value like this one is null; nil: none is
	headers      []header
	partition    int32 // of every record; -1: by its key, or any
	json         bool
	now          int64 // the timestamp of records that have none
}

func (p *lineParser) parse(record []byte, m *message) error {
	if p.json {
		return p.parseJSON(record, m)
	}
	m.key, m.value, m.headers, m.partition, m.timestamp = p.key, record, p.headers, p.partition, p.now
	if len(p.keyDelimiter) > 0 {
		if at := bytes.Index(record, p.keyDelimiter); at >= 0 {
			m.key, m.value = record[:at], record[at+len(p.keyDelimiter):]
		}
	}
	if p.null != nil {
		m.key, m.value = p.orNull(m.key), p.orNull(m.value)
	}
	return nil
}

func (p *lineParser) orNull(b []byte) []byte {
	if bytes.Equal(b, p.null) {
		return nil
	}
	return b
}

// jsonMessage is a record as `produce --format json` reads it: what `consume --format json` writes. Bytes that aren't
// UTF-8 are in the field whose name ends in _base64; a field that is neither there nor null is null too.
type jsonMessage struct {
	Partition   *int32       `json:"partition"`
	Timestamp   *int64       `json:"timestamp"`
	Key         *string      `json:"key"`
	KeyBase64   *string      `json:"key_base64"`
	Value       *string      `json:"value"`
	ValueBase64 *string      `json:"value_base64"`
	Headers     []jsonHeader `json:"headers"`
}

type jsonHeader struct {
	Key         *string `json:"key"`
	KeyBase64   *string `json:"key_base64"`
	Value       *string `json:"value"`
	ValueBase64 *string `json:"value_base64"`
}

// parseJSON takes key, value, headers and timestamp from the object. Its partition is where it was read from, and
// doesn't bind where it goes.
func (p *lineParser) parseJSON(record []byte, m *message) error {
	var j jsonMessage
	if err := json.Unmarshal(record, &j); err != nil {
		return fmt.Errorf("not a JSON record: %w", err)
	}
	var err error
	*m = message{partition: p.partition, headers: p.headers, timestamp: p.now}
	if m.key, err = jsonBytes(j.Key, j.KeyBase64); err != nil {
		return fmt.Errorf("key_base64: %w", err)
	}
	if m.value, err = jsonBytes(j.Value, j.ValueBase64); err != nil {
		return fmt.Errorf("value_base64: %w", err)
	}
	if m.key == nil {
		m.key = p.key
	}
	if j.Timestamp != nil {
		m.timestamp = *j.Timestamp
	}
	for _, h := range j.Headers {
		key, err := jsonBytes(h.Key, h.KeyBase64)
		if err != nil {
			return fmt.Errorf("header: key_base64: %w", err)
		}
		value, err := jsonBytes(h.Value, h.ValueBase64)
		if err != nil {
			return fmt.Errorf("header %s: value_base64: %w", key, err)
		}
		m.headers = append(m.headers[:len(m.headers):len(m.headers)], header{string(key), value})
	}
	return nil
}

func jsonBytes(text, encoded *string) ([]byte, error) {
	switch {
	case encoded != nil:
		return base64.StdEncoding.DecodeString(*encoded)
	case text != nil:
		return []byte(*text), nil
	}
	return nil, nil
}

// parseHeaders reads key=value words; the same key may come several times, in order.
func parseHeaders(words []string) ([]header, error) {
	var list []header
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q is not of the form key=value", w)
		}
		list = append(list, header{key, []byte(value)})
	}
	return list, nil
}
