package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol/schema"
)

// plan is one message with what its code depends on: the Go name of each struct, and the versions in which each occurs.
type plan struct {
	*schema.Message
	structs []*block
}

// block is a message or a nested struct: what becomes one Go struct with an encode and a decode method.
type block struct {
	plan     *plan
	name     string // in Go
	doc      []string
	versions schema.Versions // the versions in which it can occur at all
	fields   []schema.Field  // those that occur in any of them
}

func newPlan(m *schema.Message) *plan {
	p := &plan{Message: m}
	p.visit(m.Name, m.Doc, m.Versions, m.Fields)
	return p
}

// visit adds the block, or widens its versions when another field already led to it, and goes on to what it nests.
func (p *plan) visit(name string, doc []string, v schema.Versions, fields []schema.Field) {
	b := p.block(name)
	if b == nil {
		b = &block{plan: p, name: name, doc: doc, versions: v}
		p.structs = append(p.structs, b)
	}
	b.versions = schema.Versions{Min: min(b.versions.Min, v.Min), Max: max(b.versions.Max, v.Max)}
	b.fields = slices.DeleteFunc(slices.Clone(fields), func(f schema.Field) bool {
		return f.Versions.Intersect(b.versions).Empty()
	})
	for _, f := range b.fields {
		if f.Struct {
			p.visit(p.goStruct(f.Type), nil, f.Versions.Intersect(b.versions), p.Struct(f.Type).Fields)
		}
	}
}

func (p *plan) block(name string) *block {
	for _, b := range p.structs {
		if b.name == name {
			return b
		}
	}
	return nil
}

// goStruct is the Go name of a nested struct: the message's name before Kafka's, unless Kafka's begins with it.
func (p *plan) goStruct(name string) string {
	if strings.HasPrefix(name, p.Name) {
		return name
	}
	return p.Name + name
}

// within is the Go condition for "version lies in r", given that it lies in ctx: "true" and "false" are exact.
func within(r, ctx schema.Versions) string {
	in := r.Intersect(ctx)
	switch {
	case in.Empty():
		return "false"
	case in == ctx:
		return "true"
	case in.Max == ctx.Max:
		return fmt.Sprintf("version >= %d", in.Min)
	case in.Min == ctx.Min:
		return fmt.Sprintf("version <= %d", in.Max)
	case in.Min == in.Max:
		return fmt.Sprintf("version == %d", in.Min)
	}
	return fmt.Sprintf("version >= %d && version <= %d", in.Min, in.Max)
}

// flex is the Go expression for "this version is flexible": a constant or the local variable flex.
func (b *block) flex() string {
	if c := within(b.plan.Flexible, b.versions); c == "true" || c == "false" {
		return c
	}
	return "flex"
}

// plain are the versions in which the field stands in the body and not among the tagged fields.
func plain(f schema.Field) schema.Versions {
	if f.Tag < 0 {
		return f.Versions
	}
	if f.Tagged.Min <= f.Versions.Min {
		return schema.None
	}
	return schema.Versions{Min: f.Versions.Min, Max: f.Tagged.Min - 1}
}

// tagged are the block's tagged fields in the order of their tags.
func (b *block) tagged() []schema.Field {
	var out []schema.Field
	for _, f := range b.fields {
		if f.Tag >= 0 && !f.Tagged.Intersect(b.versions).Empty() {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(x, y schema.Field) int { return x.Tag - y.Tag })
	return out
}

// minSize is the size of the smallest encoding of the fields in any version of v, which bounds how many of them a
// number of bytes can hold.
func (p *plan) minSize(fields []schema.Field, v schema.Versions) int {
	best := math.MaxInt
	for version := v.Min; version <= v.Max; version++ {
		best = min(best, p.minSizeAt(fields, version))
	}
	return best
}

func (p *plan) minSizeAt(fields []schema.Field, version int16) int {
	flex := p.Flexible.Contains(version)
	size := 0
	if flex {
		size++
	}
	for _, f := range fields {
		if plain(f).Contains(version) {
			size += p.minField(f, version, flex)
		}
	}
	return size
}

func (p *plan) minField(f schema.Field, version int16, flex bool) int {
	switch {
	case f.Array && flex:
		return 1
	case f.Array:
		return 4
	case f.Struct && f.Nullable.Contains(version):
		return 1
	case f.Struct:
		return p.minSizeAt(p.Struct(f.Type).Fields, version)
	}
	return minPrimitive(f.Type, flex)
}

func minPrimitive(typ string, flex bool) int {
	switch typ {
	case "bool", "int8":
		return 1
	case "int16", "uint16":
		return 2
	case "int32", "uint32":
		return 4
	case "int64", "float64":
		return 8
	case "uuid":
		return 16
	case "string":
		if !flex {
			return 2
		}
	case "bytes", "records":
		if !flex {
			return 4
		}
	}
	return 1
}

// minElement is the smallest encoding of one element of an array field of the block, at least 1: what takes no bytes
// could not be bounded by them.
func (b *block) minElement(f schema.Field) int {
	v := f.Versions.Intersect(b.versions)
	if f.Struct {
		return max(b.plan.minSize(b.plan.Struct(f.Type).Fields, v), 1)
	}
	if b.plan.Flexible.Intersect(v).Empty() {
		return minPrimitive(f.Type, false)
	}
	return minPrimitive(f.Type, true)
}

func (p *plan) write(w io.Writer) {
	for _, b := range p.structs {
		b.writeType(w)
		b.writeDefault(w)
		if b.name == p.Name {
			p.writeMethods(w)
		}
		b.writeEncode(w)
		b.writeDecode(w)
	}
}

// writeMethods writes what only whole messages have.
func (p *plan) writeMethods(w io.Writer) {
	fmt.Fprintf(w, "// New%[1]s returns a %[1]s with Kafka's defaults.\nfunc New%[1]s() *%[1]s {\n\tm := new(%[1]s)\n\tm.Default()\n\treturn m\n}\n\n", p.Name)
	switch p.Kind {
	case schema.Request, schema.Response:
		api := strings.TrimSuffix(strings.TrimSuffix(p.Name, "Request"), "Response")
		fmt.Fprintf(w, "// Key returns the API key.\nfunc (*%s) Key() Key { return %s }\n\n", p.Name, api)
		fmt.Fprintf(w, "// IsResponse tells requests and responses apart.\nfunc (*%s) IsResponse() bool { return %t }\n\n", p.Name, p.Kind == schema.Response)
	default:
		if p.Key >= 0 {
			fmt.Fprintf(w, "// RecordType returns the number that stands for this kind of record.\nfunc (*%s) RecordType() int16 { return %d }\n\n", p.Name, p.Key)
		}
		fmt.Fprintf(w, "// Versions returns the lowest and the highest version.\nfunc (*%s) Versions() (lo, hi int16) { return %d, %d }\n\n", p.Name, p.Versions.Min, p.Versions.Max)
	}
	fmt.Fprintf(w, "// Encode appends the message in the given version.\nfunc (m *%s) Encode(e *Encoder, version int16) { m.encode(e, version) }\n\n", p.Name)
	fmt.Fprintf(w, "// Decode reads the message in the given version, reusing what m holds; byte fields alias the input.\n"+
		"func (m *%s) Decode(d *Decoder, version int16) error {\n\tif version < %d || version > %d {\n\t\treturn ErrUnsupportedVersion\n\t}\n"+
		"\tm.decode(d, version)\n\treturn d.Err()\n}\n\n", p.Name, p.Versions.Min, p.Versions.Max)
}
