package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol/schema"
)

// method maps a fixed-size primitive to the methods of that name on Encoder and Decoder.
var method = map[string]string{
	"bool": "Bool", "int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64",
	"uint16": "Uint16", "uint32": "Uint32", "float64": "Float64", "uuid": "UUID",
}

// elements maps the element type of a primitive array to the method that codes all of them.
var elements = map[string]string{
	"int8": "int8s", "int16": "int16s", "int32": "int32s", "int64": "int64s",
	"string": "strings", "uuid": "uuids",
}

// writeBody begins a method, with the local variable flex when the body mentions it.
func (b *block) writeBody(w io.Writer, name, arg, body string) {
	v := "version"
	if !strings.Contains(body, "version") && b.flex() != "flex" {
		v = "_"
	}
	fmt.Fprintf(w, "func (m *%s) %s(%s, %s int16) {\n", b.name, name, arg, v)
	if b.flex() == "flex" {
		fmt.Fprintf(w, "\tflex := %s\n", within(b.plan.Flexible, b.versions))
	}
	fmt.Fprintf(w, "%s}\n\n", body)
}

func (b *block) writeEncode(w io.Writer) {
	var s strings.Builder
	for _, f := range b.fields {
		if c := within(plain(f), b.versions); c == "true" {
			s.WriteString(b.encodeField(f, b.flex()))
		} else if c != "false" {
			fmt.Fprintf(&s, "\tif %s {\n%s\t}\n", c, b.encodeField(f, b.flex()))
		}
	}
	b.encodeTags(&s)
	b.writeBody(w, "encode", "e *Encoder", s.String())
}

func (b *block) encodeField(f schema.Field, flex string) string {
	x, null := "m."+b.goName(f), b.nullExpr(f)
	switch {
	case f.Array:
		return b.encodeArray(f, flex)
	case f.Struct && b.nullable(f):
		return fmt.Sprintf("\tif e.present(%s, %s != nil) {\n\t\t%s.encode(e, version)\n\t}\n", null, x, x)
	case f.Struct:
		return fmt.Sprintf("\t%s.encode(e, version)\n", x)
	case b.goType(f) == "Records":
		return fmt.Sprintf("\te.records(%s, %s)\n", flex, x)
	case b.goType(f) == "*string":
		return fmt.Sprintf("\te.nullString(%s, %s, %s)\n", flex, null, x)
	case f.Type == "string":
		return fmt.Sprintf("\te.string(%s, %s)\n", flex, x)
	case b.goType(f) == "[]byte":
		return fmt.Sprintf("\te.bytes(%s, %s, %s)\n", flex, null, x)
	}
	return fmt.Sprintf("\te.%s(%s)\n", method[f.Type], x)
}

func (b *block) encodeArray(f schema.Field, flex string) string {
	x := "m." + b.goName(f)
	head := fmt.Sprintf("\te.arrayLen(%s, len(%s), %s == nil && %s)\n", flex, x, x, b.nullExpr(f))
	if b.nullExpr(f) == "false" {
		head = fmt.Sprintf("\te.arrayLen(%s, len(%s), false)\n", flex, x)
	} else if strings.Contains(b.nullExpr(f), "&&") || b.nullExpr(f) == "true" {
		head = strings.Replace(head, " && true", "", 1)
	}
	switch {
	case f.Struct:
		return head + fmt.Sprintf("\tfor i := range %s {\n\t\t%s[i].encode(e, version)\n\t}\n", x, x)
	case f.Type == "string":
		return head + fmt.Sprintf("\te.strings(%s, %s)\n", flex, x)
	}
	return head + fmt.Sprintf("\te.%s(%s)\n", elements[f.Type], x)
}

// encodeTags writes the tagged fields that differ from their defaults, in the order of their tags.
func (b *block) encodeTags(s *strings.Builder) {
	if b.flex() == "false" {
		return
	}
	var count, body strings.Builder
	for _, f := range b.tagged() {
		c := b.differs("m.", f)
		if v := within(f.Tagged, b.plan.Flexible.Intersect(b.versions)); v != "true" {
			c = v + " && " + c
		}
		fmt.Fprintf(&count, "\tif %s {\n\t\ttags++\n\t}\n", c)
		code := strings.Replace(b.encodeField(f, "true"), "e.present(true, ", "e.presentTag(", 1)
		fmt.Fprintf(&body, "\tif %s {\n\tat := e.beginTag(%d)\n%s\te.endTag(at)\n\t}\n", c, f.Tag, code)
	}
	text := "\te.UVarint(0)\n"
	if count.Len() > 0 {
		text = "\ttags := uint32(0)\n" + count.String() + "\te.UVarint(tags)\n" + body.String()
	}
	if b.flex() == "flex" {
		text = "\tif flex {\n" + text + "\t}\n"
	}
	s.WriteString(text)
}

// differs is the Go condition for "the field isn't its default". The prefix is that of the struct, with its dot.
func (b *block) differs(prefix string, f schema.Field) string {
	x := prefix + b.goName(f)
	expr, _ := b.zero(f)
	switch {
	case f.Default == "null":
		return x + " != nil"
	case f.Array && b.nullable(f):
		return fmt.Sprintf("(%s == nil || len(%s) > 0)", x, x)
	case f.Array:
		return fmt.Sprintf("len(%s) > 0", x)
	case f.Struct && b.nullable(f):
		inner := b.plan.block(b.goElement(f))
		conds := []string{x + " == nil"}
		for _, g := range inner.fields {
			conds = append(conds, inner.differs(x+".", g))
		}
		return "(" + strings.Join(conds, " || ") + ")"
	case f.Struct, f.Type == "uuid":
		return fmt.Sprintf("%s != (%s)", x, expr)
	case b.goType(f) == f.Type && f.Type == "bool":
		if expr == "true" {
			return "!" + x
		}
		return x
	case b.goType(f) == f.Type:
		return x + " != " + expr
	}
	panic("BUG: no comparison for tagged field " + b.name + "." + f.Name)
}

func (b *block) writeDecode(w io.Writer) {
	var s strings.Builder
	for _, f := range b.fields {
		switch c := within(plain(f), b.versions); c {
		case "true":
			s.WriteString(b.decodeField(f, b.flex()))
		case "false":
			s.WriteString(b.reset(f))
		default:
			fmt.Fprintf(&s, "\tif %s {\n%s\t} else {\n%s\t}\n", c, b.decodeField(f, b.flex()), b.reset(f))
		}
	}
	b.decodeTags(&s)
	b.writeBody(w, "decode", "d *Decoder", s.String())
}

// reset sets the field to its default.
func (b *block) reset(f schema.Field) string {
	expr, _ := b.zero(f)
	if f.Array && expr == "nil" && f.Default != "null" {
		expr = "m." + b.goName(f) + "[:0]"
	}
	return fmt.Sprintf("\tm.%s = %s\n", b.goName(f), expr)
}

func (b *block) decodeField(f schema.Field, flex string) string {
	x, null := "m."+b.goName(f), b.nullExpr(f)
	switch {
	case f.Array:
		return b.decodeArray(f, flex)
	case f.Struct && b.nullable(f):
		return fmt.Sprintf("\tif d.present(%s) {\n\t\tif %s == nil {\n\t\t\t%s = new(%s)\n\t\t}\n\t\t%s.decode(d, version)\n\t} else {\n\t\t%s = nil\n\t}\n",
			null, x, x, b.goElement(f), x, x)
	case f.Struct:
		return fmt.Sprintf("\t%s.decode(d, version)\n", x)
	case b.goType(f) == "Records":
		return fmt.Sprintf("\t%s = d.records(%s, %s, %s)\n", x, flex, null, x)
	case b.goType(f) == "*string":
		return fmt.Sprintf("\t%s = d.nullString(%s, %s, %s)\n", x, flex, null, x)
	case f.Type == "string":
		return fmt.Sprintf("\t%s = d.string(%s, %s)\n", x, flex, x)
	case b.goType(f) == "[]byte":
		return fmt.Sprintf("\t%s = d.bytes(%s, %s)\n", x, flex, null)
	}
	return fmt.Sprintf("\t%s = d.%s()\n", x, method[f.Type])
}

func (b *block) decodeArray(f schema.Field, flex string) string {
	x := "m." + b.goName(f)
	n := fmt.Sprintf("d.arrayLen(%s, %s, %d)", flex, b.nullExpr(f), b.minElement(f))
	switch {
	case f.Struct:
		return fmt.Sprintf("\t%s = decodeStructs(d, %s, %s, version)\n", x, x, n)
	case f.Type == "string":
		return fmt.Sprintf("\t%s = d.strings(%s, %s, %s)\n", x, flex, x, n)
	}
	return fmt.Sprintf("\t%s = d.%s(%s, %s)\n", x, elements[f.Type], x, n)
}

func (b *block) decodeTags(s *strings.Builder) {
	if b.flex() == "false" {
		return
	}
	text := "\td.skipTags()\n"
	if tagged := b.tagged(); len(tagged) > 0 {
		var cases strings.Builder
		for _, f := range tagged {
			c := fmt.Sprintf("tag == %d", f.Tag)
			if v := within(f.Tagged, b.plan.Flexible.Intersect(b.versions)); v != "true" {
				c += " && " + v
			}
			code := strings.Replace(b.decodeField(f, "true"), "d.present(true)", "d.presentTag()", 1)
			fmt.Fprintf(&cases, "\t\tcase %s:\n%s", c, code)
		}
		text = "\tfor n := d.tagCount(); n > 0 && d.err == nil; n-- {\n\t\ttag, rest := d.beginTag()\n\t\tswitch {\n" + cases.String() +
			"\t\tdefault:\n\t\t\td.skipRest()\n\t\t}\n\t\td.endTag(rest)\n\t}\n"
	}
	if b.flex() == "flex" {
		text = "\tif flex {\n" + text + "\t}\n"
	}
	s.WriteString(text)
}
