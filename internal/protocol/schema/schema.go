// Package schema parses the message definitions from which internal/protocol is generated.
//
// The text files beside it hold one API each (request and response), or the key and value of one kind of record.
// Indentation, two spaces a level, nests fields:
//
//	request FetchRequest key 1 versions 4-18 flexible 12+
//	  MaxBytes int32 3+ default 0x7fffffff
//	  Topics []FetchTopic 0+
//	    Topic string 0-12
//	  struct Name 0+
//	    Field int32 0+
//
// A field is its name, its type, the versions that carry it, and then in this order, where they apply: "nullable"
// with versions, "default" with a value, "tag" with a number and versions. A struct's fields follow the first field of
// its type, or a "struct" line at the end of the message when several fields share it. Lines that begin with "#"
// document the message or field below them; blank lines separate messages.
//
// The main type is Message. A parsed Message is complete: every struct it names is in Structs, every range is closed
// by the message's own versions when asked through Versions.Contains.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
)

//go:embed *.txt
var files embed.FS

// Versions is a closed range of versions; an open end is math.MaxInt16. Empty ranges have Min > Max.
type Versions struct{ Min, Max int16 }

// None is the empty range.
var None = Versions{Min: math.MaxInt16, Max: -1}

// Contains reports whether version v lies in the range.
func (r Versions) Contains(v int16) bool { return v >= r.Min && v <= r.Max }

// Empty reports whether no version lies in the range.
func (r Versions) Empty() bool { return r.Min > r.Max }

// Covers reports whether every version of o lies in the range.
func (r Versions) Covers(o Versions) bool { return o.Empty() || (r.Min <= o.Min && r.Max >= o.Max) }

// Intersect returns the versions that lie in both ranges.
func (r Versions) Intersect(o Versions) Versions {
	out := Versions{max(r.Min, o.Min), min(r.Max, o.Max)}
	if out.Empty() {
		return None
	}
	return out
}

func (r Versions) String() string {
	switch {
	case r.Empty():
		return "none"
	case r.Max == math.MaxInt16:
		return fmt.Sprintf("%d+", r.Min)
	case r.Min == r.Max:
		return strconv.Itoa(int(r.Min))
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}

// Kind says what a message is for.
type Kind string

// The kinds of messages.
const (
	Request     Kind = "request"
	Response    Kind = "response"
	RecordKey   Kind = "record-key"   // key of a record of an internal topic; Key is its type prefix
	RecordValue Kind = "record-value" // value of such a record; Key is that of its key
	Metadata    Kind = "metadata"     // record of the cluster's metadata; Key is its type
	Data        Kind = "data"         // anything else; Key is -1
)

// Message is one definition: a request, a response, a record.
type Message struct {
	Kind     Kind
	Name     string // Kafka's name, such as FetchRequest
	Key      int16  // API key or record type; -1 where there is none
	Versions Versions
	Flexible Versions
	Fields   []Field
	Structs  []Struct // every struct of the message, in order of first mention
	Doc      []string
	File     string // the schema file without its extension
}

// Struct is a nested structure of a message.
type Struct struct {
	Name     string
	Versions Versions // those of the field or of the struct line that defines it
	Fields   []Field
	Common   bool // defined on a struct line of its own
}

// Field is one field of a message or of a struct.
type Field struct {
	Name     string
	Type     string // element type for arrays: bool, int8 ... string, bytes, records, uuid, or a struct's name
	Array    bool
	Struct   bool // Type names a Struct
	Versions Versions
	Nullable Versions
	Default  string // as written; empty when HasDefault is false
	Tagged   Versions
	Tag      int // -1 when the field is never tagged

	HasDefault bool
	Doc        []string
}

// Struct returns the struct with that name; it panics when there is none, which Parse excludes.
func (m *Message) Struct(name string) *Struct {
	for i := range m.Structs {
		if m.Structs[i].Name == name {
			return &m.Structs[i]
		}
	}
	panic("BUG: " + m.Name + " has no struct " + name)
}

// Load parses every schema file and returns the messages by file name, then by position.
func Load() ([]*Message, error) {
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return nil, err
	}
	var out []*Message
	for _, name := range names {
		if name == errorsFile {
			continue
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		ms, err := Parse(strings.TrimSuffix(name, ".txt"), string(text))
		if err != nil {
			return nil, err
		}
		out = append(out, ms...)
	}
	return out, nil
}
