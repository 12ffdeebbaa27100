package interop

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/protocol/schema"
	"github.com/travisjeffery/jocko/interop/brokers"
)

// definition is a message definition as Kafka's jars carry it.
type definition struct {
	Key        *int16            `json:"apiKey"`
	Type       string            `json:"type"`
	Listeners  []string          `json:"listeners"`
	Name       string            `json:"name"`
	Valid      string            `json:"validVersions"`
	Flexible   string            `json:"flexibleVersions"`
	Fields     []definitionField `json:"fields"`
	Structs    []definitionField `json:"commonStructs"`
	UnstableOK bool              `json:"latestVersionUnstable"`
}

type definitionField struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Versions string            `json:"versions"`
	Nullable string            `json:"nullableVersions"`
	Tagged   string            `json:"taggedVersions"`
	Tag      *int              `json:"tag"`
	Default  json.RawMessage   `json:"default"`
	Fields   []definitionField `json:"fields"`
}

// versionExceptions are the messages whose versions differ from the jars' on purpose.
var versionExceptions = map[string]string{
	"InitProducerIdRequest":  "0-5", // version 6 is unstable, and no broker of 4.4 advertises it
	"InitProducerIdResponse": "0-5",
	"ProduceRequest":         "3-13", // 0 is advertised for librdkafka's sake, but never decoded
	"ProduceResponse":        "3-13",
}

// TestSchemas compares every message of our schema files with Kafka's own definitions: names, order,
// types, versions, nullability, defaults and tags of all fields.
func TestSchemas(t *testing.T) {
	theirs := definitions(t)
	ours, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, m := range ours {
		if m.Kind == schema.Metadata {
			continue // the cluster's own records, which nobody else reads
		}
		have[m.Name] = true
		d, ok := theirs[m.Name]
		if !ok {
			t.Errorf("%s: no definition in the jars", m.Name)
			continue
		}
		t.Run(m.Name, func(t *testing.T) { compareMessage(t, m, d) })
	}
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if !have[name] && wanted(theirs, name) {
			t.Errorf("%s: not in our schemas", name)
		}
	}
	t.Logf("%d messages compared, of %d definitions", len(have), len(theirs))
}

// wanted says whether we must have the message: APIs of the broker listener and coordinators' records.
func wanted(all map[string]definition, name string) bool {
	d := all[name]
	switch d.Type {
	case "request":
		return slices.Contains(d.Listeners, "broker") && d.Valid != "none"
	case "response":
		return wanted(all, strings.TrimSuffix(name, "Response")+"Request")
	case "coordinator-key", "coordinator-value":
		return d.Valid != "none"
	}
	return false
}

func definitions(t *testing.T) map[string]definition {
	t.Helper()
	all := map[string]definition{}
	for _, prefix := range []string{
		"kafka-clients-", "kafka-group-coordinator-", "kafka-transaction-coordinator-", "kafka-share-coordinator-",
	} {
		jar, err := brokers.ServerJars.Jar(context.Background(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		z, err := zip.OpenReader(jar)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, f := range z.File {
			if path.Ext(f.Name) != ".json" || !strings.HasPrefix(f.Name, "common/message/") {
				continue
			}
			d := readDefinition(t, f)
			all[d.Name] = d
		}
	}
	if len(all) < 200 {
		t.Fatalf("only %d definitions in the jars", len(all))
	}
	return all
}

func readDefinition(t *testing.T, f *zip.File) definition {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var plain strings.Builder
	for line := range strings.SplitSeq(string(data), "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "//") {
			plain.WriteString(line + "\n")
		}
	}
	var d definition
	if err := json.Unmarshal([]byte(plain.String()), &d); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	fillVersions(d.Fields)
	return d
}

// fillVersions gives a field that has only tagged versions those as its versions.
func fillVersions(fields []definitionField) {
	for i := range fields {
		if fields[i].Versions == "" {
			fields[i].Versions = fields[i].Tagged
		}
		fillVersions(fields[i].Fields)
	}
}

func compareMessage(t *testing.T, m *schema.Message, d definition) {
	valid := d.Valid
	if v, ok := versionExceptions[m.Name]; ok {
		valid = v
	}
	if got, want := m.Versions, versions(valid); got != want {
		t.Errorf("versions %s, want %s", got, want)
	}
	if got, want := m.Flexible.Intersect(m.Versions), versions(d.Flexible).Intersect(m.Versions); got != want {
		t.Errorf("flexible versions %s, want %s", got, want)
	}
	if d.Key != nil && m.Key != *d.Key {
		t.Errorf("key %d, want %d", m.Key, *d.Key)
	}
	c := comparison{t: t, m: m, d: d}
	c.fields(m.Name, m.Fields, d.Fields, m.Versions)
}

type comparison struct {
	t *testing.T
	m *schema.Message
	d definition
}

// fields compares the fields that exist in some version of within, in order.
func (c comparison) fields(where string, ours []schema.Field, theirs []definitionField, within schema.Versions) {
	ours = slices.DeleteFunc(slices.Clone(ours), func(f schema.Field) bool { return f.Versions.Intersect(within).Empty() })
	theirs = slices.DeleteFunc(slices.Clone(theirs), func(f definitionField) bool { return versions(f.Versions).Intersect(within).Empty() })
	if len(ours) != len(theirs) {
		c.t.Errorf("%s: fields %v, want %v", where, names(ours, func(f schema.Field) string { return f.Name }),
			names(theirs, func(f definitionField) string { return f.Name }))
		return
	}
	for i, f := range ours {
		c.field(where+"."+theirs[i].Name, f, theirs[i], within)
	}
}

func names[T any](all []T, name func(T) string) []string {
	var out []string
	for _, f := range all {
		out = append(out, name(f))
	}
	return out
}

// facts is what of a field must be the same, in a form that can be compared.
type facts struct {
	name, typ, fallback string
	versions, nullable  schema.Versions
	tagged              schema.Versions
	tag                 int
}

func (c comparison) field(where string, f schema.Field, d definitionField, within schema.Versions) {
	typ := f.Type
	if f.Array {
		typ = "[]" + typ
	}
	vs := f.Versions.Intersect(within)
	got := facts{f.Name, typ, fallback(typ, f.Default, f.HasDefault), vs, f.Nullable.Intersect(vs), f.Tagged.Intersect(vs), f.Tag}
	want := theirFacts(d, within)
	if got.tagged.Empty() {
		got.tag = -1
	}
	if got != want {
		c.t.Errorf("%s:\n  %+v, want\n  %+v", where, got, want)
	}
	nested := d.Fields
	if common := slices.IndexFunc(c.d.Structs, func(s definitionField) bool { return s.Name == strings.TrimPrefix(d.Type, "[]") }); common >= 0 {
		nested = c.d.Structs[common].Fields
	}
	if f.Struct != (len(nested) > 0) {
		c.t.Errorf("%s: struct %v, want %v", where, f.Struct, len(nested) > 0)
	} else if f.Struct {
		c.fields(where, c.m.Struct(f.Type).Fields, nested, vs)
	}
}

func theirFacts(d definitionField, within schema.Versions) facts {
	vs := versions(d.Versions).Intersect(within)
	out := facts{
		name: d.Name, typ: d.Type, versions: vs, nullable: versions(d.Nullable).Intersect(vs),
		tagged: versions(d.Tagged).Intersect(vs), tag: -1,
	}
	if d.Tag != nil && !out.tagged.Empty() {
		out.tag = *d.Tag
	}
	// The string "null" is a default. A bare null is none: Kafka's generator makes an empty value of it.
	given := len(d.Default) > 0 && string(d.Default) != "null"
	text := ""
	if given {
		text = strings.Trim(string(d.Default), `"`)
	}
	out.fallback = fallback(d.Type, text, given)
	return out
}

// fallback writes a default in one form: numbers in decimal, and what a type has by itself when
// there is none.
func fallback(typ, text string, given bool) string {
	switch {
	case typ == "float64":
		x, err := strconv.ParseFloat(text, 64)
		if err != nil && given {
			return "bad " + text
		}
		return fmt.Sprint(x)
	case strings.HasPrefix(typ, "int"), strings.HasPrefix(typ, "uint"):
		if !given {
			return "0"
		}
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return "bad " + text
		}
		return strconv.FormatInt(n, 10)
	case typ == "bool" && !given:
		return "false"
	}
	return text
}

// versions parses "0-5", "3+", "7", "none" or "".
func versions(s string) schema.Versions {
	if s == "" || s == "none" {
		return schema.None
	}
	low, high, isRange := strings.Cut(s, "-")
	open := strings.HasSuffix(s, "+")
	from, err := strconv.ParseInt(strings.TrimSuffix(low, "+"), 10, 16)
	if err != nil {
		return schema.None
	}
	v := schema.Versions{Min: int16(from), Max: int16(from)}
	switch {
	case open:
		v.Max = math.MaxInt16
	case isRange:
		to, err := strconv.ParseInt(high, 10, 16)
		if err != nil {
			return schema.None
		}
		v.Max = int16(to)
	}
	return v
}
