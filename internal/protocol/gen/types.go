package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol/schema"
)

// renamed holds the fields whose names are taken by a method.
var renamed = map[string]string{"FindCoordinatorRequest.Key": "CoordinatorKey"}

// goName is the exported name of a field.
func (b *block) goName(f schema.Field) string {
	if name := renamed[b.name+"."+f.Name]; name != "" {
		return name
	}
	return strings.ToUpper(f.Name[:1]) + f.Name[1:]
}

// nullable reports whether the field may be null in any version of the block.
func (b *block) nullable(f schema.Field) bool {
	return !f.Nullable.Intersect(f.Versions).Intersect(b.versions).Empty()
}

// nullExpr is the Go condition for "the field may be null in this version".
func (b *block) nullExpr(f schema.Field) string {
	return within(f.Nullable, f.Versions.Intersect(b.versions))
}

// goType is the Go type of the field.
func (b *block) goType(f schema.Field) string {
	t := b.goElement(f)
	switch {
	case f.Array:
		return "[]" + t
	case b.nullable(f) && (f.Struct || f.Type == "string"):
		return "*" + t
	}
	return t
}

func (b *block) goElement(f schema.Field) string {
	switch {
	case f.Struct:
		return b.plan.goStruct(f.Type)
	case f.Type == "uuid":
		return "UUID"
	case f.Type == "records" && b.plan.Kind == schema.Response:
		return "Records"
	case f.Type == "bytes" || f.Type == "records":
		return "[]byte"
	}
	return f.Type
}

func (b *block) writeType(w io.Writer) {
	for _, line := range b.describe() {
		fmt.Fprintf(w, "// %s\n", line)
	}
	fmt.Fprintf(w, "type %s struct {\n", b.name)
	for _, f := range b.fields {
		for _, line := range f.Doc {
			fmt.Fprintf(w, "\t// %s\n", line)
		}
		fmt.Fprintf(w, "\t%s %s // %s\n", b.goName(f), b.goType(f), b.note(f))
	}
	fmt.Fprintf(w, "}\n\n")
}

func (b *block) describe() []string {
	p := b.plan
	if b.name != p.Name {
		return []string{fmt.Sprintf("%s is part of %s.", b.name, p.Name)}
	}
	var what string
	switch {
	case p.Kind == schema.Request || p.Kind == schema.Response:
		what = fmt.Sprintf("the %s of API key %d", p.Kind, p.Key)
	case p.Kind == schema.Metadata:
		what = fmt.Sprintf("the metadata record of type %d", p.Key)
	case p.Key >= 0:
		what = fmt.Sprintf("the %s of the records of type %d", strings.TrimPrefix(string(p.Kind), "record-"), p.Key)
	default:
		what = "a message of its own"
	}
	line := fmt.Sprintf("%s is %s, versions %s", b.name, what, p.Versions)
	if !p.Flexible.Empty() {
		line += fmt.Sprintf(", flexible %s", p.Flexible)
	}
	return append([]string{line + "."}, p.Doc...)
}

// note says in which versions the field occurs, may be null, and with which tag.
func (b *block) note(f schema.Field) string {
	s := "v" + f.Versions.String()
	if b.nullable(f) {
		s += ", nullable"
		if !f.Nullable.Covers(f.Versions.Intersect(b.versions)) {
			s += " v" + f.Nullable.String()
		}
	}
	if f.Tag >= 0 {
		s += fmt.Sprintf(", tag %d", f.Tag)
	}
	if f.HasDefault && f.Default != "null" && f.Default != "0" && f.Default != "" && f.Default != "false" {
		s += ", default " + f.Default
	}
	return s
}

// zero returns the field's default as a Go expression, and whether that is Go's zero value.
func (b *block) zero(f schema.Field) (expr string, isZero bool) {
	null := f.Default == "null"
	switch {
	case null || f.Type == "records":
		return "nil", true
	case f.Array || b.goType(f) == "[]byte":
		if b.nullable(f) {
			return b.goType(f) + "{}", false
		}
		return "nil", true
	case f.Struct:
		lit := b.literal(f)
		if b.nullable(f) {
			return "&" + lit, false
		}
		return lit, !strings.Contains(lit, ":")
	case b.goType(f) == "*string":
		return "new(string)", false
	}
	return primitiveZero(f)
}

func primitiveZero(f schema.Field) (expr string, isZero bool) {
	switch f.Type {
	case "string":
		return strconv.Quote(f.Default), f.Default == ""
	case "uuid":
		return "UUID{}", true
	case "bool":
		return strconv.FormatBool(f.Default == "true"), f.Default != "true"
	}
	if f.Default == "" || f.Default == "0" {
		return "0", true
	}
	return f.Default, false
}

// literal is a composite literal of a nested struct with its defaults.
func (b *block) literal(f schema.Field) string {
	inner := b.plan.block(b.plan.goStruct(f.Type))
	return inner.name + "{" + strings.Join(inner.defaults(), ", ") + "}"
}

// defaults lists "Field: value" for every field whose default isn't Go's zero value.
func (b *block) defaults() []string {
	var out []string
	for _, f := range b.fields {
		if expr, isZero := b.zero(f); !isZero {
			out = append(out, b.goName(f)+": "+expr)
		}
	}
	return out
}

func (b *block) writeDefault(w io.Writer) {
	fmt.Fprintf(w, "// Default sets every field to Kafka's default.\nfunc (m *%s) Default() {\n", b.name)
	fmt.Fprintf(w, "\t*m = %s{%s}\n}\n\n", b.name, strings.Join(b.defaults(), ", "))
}
