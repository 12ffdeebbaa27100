package schema

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Parse reads the messages of one schema file. The error names the file and the line.
func Parse(file, text string) ([]*Message, error) {
	p := parser{file: file}
	for i, line := range strings.Split(text, "\n") {
		p.line = i + 1
		if err := p.add(line); err != nil {
			return nil, fmt.Errorf("%s.txt:%d: %w", file, p.line, err)
		}
	}
	for _, m := range p.messages {
		if err := m.resolve(); err != nil {
			return nil, fmt.Errorf("%s.txt: %s: %w", file, m.Name, err)
		}
	}
	return p.messages, nil
}

// parser holds the open blocks: open[d] is the list that a line of depth d+1 adds its field to.
type parser struct {
	file     string
	line     int
	messages []*Message
	open     []int // per depth: index into the message's Structs, -1 for the message itself
	doc      []string
}

func (p *parser) add(line string) error {
	text := strings.TrimLeft(line, " ")
	if strings.TrimSpace(text) == "" {
		p.doc = nil
		return nil
	}
	if doc, ok := strings.CutPrefix(text, "#"); ok {
		p.doc = append(p.doc, strings.TrimSpace(doc))
		return nil
	}
	indent := len(line) - len(text)
	if indent%2 != 0 {
		return fmt.Errorf("odd indentation")
	}
	doc := p.doc
	p.doc = nil
	words := strings.Fields(text)
	if indent == 0 {
		return p.message(words, doc)
	}
	if len(p.messages) == 0 || indent/2 > len(p.open) {
		return fmt.Errorf("nothing to nest this line in")
	}
	p.open = p.open[:indent/2]
	if words[0] == "struct" && indent == 2 {
		return p.common(words)
	}
	return p.field(words, doc)
}

func (p *parser) message(words, doc []string) error {
	m := &Message{Key: -1, Doc: doc, File: p.file}
	if len(words) < 2 || len(words)%2 != 0 {
		return fmt.Errorf("a message is: kind name [key n] versions range flexible range")
	}
	m.Kind, m.Name = Kind(words[0]), words[1]
	kinds := []Kind{Request, Response, RecordKey, RecordValue, Metadata, Data}
	if !slices.Contains(kinds, m.Kind) {
		return fmt.Errorf("unknown kind %q", words[0])
	}
	for i := 2; i < len(words); i += 2 {
		var err error
		switch words[i] {
		case "key":
			m.Key, err = parseInt16(words[i+1])
		case "versions":
			m.Versions, err = parseVersions(words[i+1])
		case "flexible":
			m.Flexible, err = parseVersions(words[i+1])
		default:
			err = fmt.Errorf("unknown attribute %q", words[i])
		}
		if err != nil {
			return err
		}
	}
	p.messages = append(p.messages, m)
	p.open = []int{-1}
	return nil
}

func (p *parser) current() *Message { return p.messages[len(p.messages)-1] }

func (p *parser) common(words []string) error {
	if len(words) != 3 {
		return fmt.Errorf("a struct line is: struct name range")
	}
	v, err := parseVersions(words[2])
	if err != nil {
		return err
	}
	return p.begin(Struct{Name: words[1], Versions: v, Common: true})
}

func (p *parser) begin(s Struct) error {
	m := p.current()
	for _, o := range m.Structs {
		if o.Name == s.Name {
			return fmt.Errorf("struct %s is defined twice", s.Name)
		}
	}
	m.Structs = append(m.Structs, s)
	p.open = append(p.open, len(m.Structs)-1)
	return nil
}

func (p *parser) field(words, doc []string) error {
	f, err := parseField(words)
	if err != nil {
		return err
	}
	f.Doc = doc
	m := p.current()
	owner := p.open[len(p.open)-1]
	switch {
	case owner == -2: // first line below a field of struct type
		parent := p.parentField()
		p.open = p.open[:len(p.open)-1]
		if err := p.begin(Struct{Name: parent.Type, Versions: parent.Versions}); err != nil {
			return err
		}
		owner = p.open[len(p.open)-1]
		fallthrough
	case owner >= 0:
		m.Structs[owner].Fields = append(m.Structs[owner].Fields, f)
	default:
		m.Fields = append(m.Fields, f)
	}
	if f.Struct {
		p.open = append(p.open, -2)
	}
	return nil
}

// parentField returns the field that the innermost open block belongs to: the last one of the block around it.
func (p *parser) parentField() Field {
	m := p.current()
	outer := m.Fields
	if i := p.open[len(p.open)-2]; i >= 0 {
		outer = m.Structs[i].Fields
	}
	return outer[len(outer)-1]
}

func parseField(words []string) (Field, error) {
	f := Field{Nullable: None, Tagged: None, Tag: -1}
	if len(words) < 3 {
		return f, fmt.Errorf("a field is: name type versions")
	}
	f.Name = words[0]
	f.Type, f.Array = strings.CutPrefix(words[1], "[]")
	f.Struct = f.Type[0] >= 'A' && f.Type[0] <= 'Z'
	if !f.Struct && !slices.Contains(primitives, f.Type) {
		return f, fmt.Errorf("unknown type %q", words[1])
	}
	var err error
	if f.Versions, err = parseVersions(words[2]); err != nil {
		return f, err
	}
	return f, f.attributes(words[3:])
}

var primitives = []string{
	"bool", "int8", "int16", "int32", "int64", "uint16", "uint32", "float64", "string",
	"bytes", "records", "uuid",
}

func (f *Field) attributes(words []string) (err error) {
	for len(words) > 0 && err == nil {
		switch {
		case words[0] == "nullable" && len(words) >= 2:
			f.Nullable, err = parseVersions(words[1])
			words = words[2:]
		case words[0] == "default" && len(words) >= 2:
			f.HasDefault, f.Default = true, strings.Trim(words[1], `"`)
			words = words[2:]
		case words[0] == "tag" && len(words) >= 3:
			if f.Tag, err = strconv.Atoi(words[1]); err == nil {
				f.Tagged, err = parseVersions(words[2])
			}
			words = words[3:]
		default:
			err = fmt.Errorf("unknown attribute %q", words[0])
		}
	}
	return err
}

func parseVersions(s string) (Versions, error) {
	if s == "none" {
		return None, nil
	}
	if lo, ok := strings.CutSuffix(s, "+"); ok {
		v, err := parseInt16(lo)
		return Versions{v, math.MaxInt16}, err
	}
	lo, hi, ok := strings.Cut(s, "-")
	if !ok {
		hi = lo
	}
	a, err := parseInt16(lo)
	if err != nil {
		return None, err
	}
	b, err := parseInt16(hi)
	if err == nil && b < a {
		err = fmt.Errorf("versions %q end before they begin", s)
	}
	return Versions{a, b}, err
}

func parseInt16(s string) (int16, error) {
	v, err := strconv.ParseInt(s, 10, 16)
	if err == nil && v < 0 {
		err = fmt.Errorf("%d is negative", v)
	}
	return int16(v), err
}

// resolve checks that every struct named by a field is defined and that structs do not contain themselves.
func (m *Message) resolve() error {
	if m.Versions.Empty() {
		return fmt.Errorf("no versions")
	}
	return m.check(m.Fields, nil)
}

func (m *Message) check(fields []Field, path []string) error {
	for _, f := range fields {
		if f.Tag >= 0 && !m.Flexible.Covers(f.Tagged.Intersect(m.Versions)) {
			return fmt.Errorf("%s is tagged in an inflexible version", f.Name)
		}
		if !f.Struct {
			continue
		}
		if slices.Contains(path, f.Type) {
			return fmt.Errorf("struct %s contains itself", f.Type)
		}
		i := slices.IndexFunc(m.Structs, func(s Struct) bool { return s.Name == f.Type })
		if i < 0 {
			return fmt.Errorf("struct %s of %s is not defined", f.Type, f.Name)
		}
		if err := m.check(m.Structs[i].Fields, append(path, f.Type)); err != nil {
			return err
		}
	}
	return nil
}
