package schema

import (
	"strings"
	"testing"
)

const sample = `# A comment on the file.

# What it asks.
request SampleRequest key 7 versions 1-4 flexible 3+
  Name string 0+ nullable 2+ default null
  # What they are.
  Topics []Topic 1+
    Id uuid 0+
    Leader Leader 3+ tag 2 4+
      Epoch int32 3+ default -1
    Parts []int32 0-2
  Last Shared 2
  struct Shared 0+
    Size uint16 0+
`

func TestParse(t *testing.T) {
	ms, err := Parse("07_sample", sample)
	if err != nil {
		t.Fatal(err)
	}
	m := ms[0]
	if m.Kind != Request || m.Key != 7 || m.Versions != (Versions{1, 4}) || m.Flexible.Min != 3 || m.File != "07_sample" {
		t.Errorf("message: %+v", m)
	}
	if len(m.Doc) != 1 || m.Doc[0] != "What it asks." {
		t.Errorf("doc: %q", m.Doc)
	}
	name, topics := m.Fields[0], m.Fields[1]
	if name.Nullable.Min != 2 || !name.HasDefault || name.Default != "null" || name.Tag != -1 {
		t.Errorf("name: %+v", name)
	}
	if !topics.Array || !topics.Struct || topics.Type != "Topic" || topics.Doc[0] != "What they are." {
		t.Errorf("topics: %+v", topics)
	}
	topic := m.Struct("Topic")
	if len(topic.Fields) != 3 || topic.Fields[1].Tag != 2 || topic.Fields[1].Tagged.Min != 4 || topic.Versions.Min != 1 {
		t.Errorf("topic: %+v", topic)
	}
	if leader := m.Struct("Leader"); len(leader.Fields) != 1 || leader.Fields[0].Default != "-1" || leader.Common {
		t.Errorf("leader: %+v", leader)
	}
	if shared := m.Struct("Shared"); !shared.Common || shared.Fields[0].Type != "uint16" {
		t.Errorf("shared: %+v", shared)
	}
}

func TestParseRefuses(t *testing.T) {
	const head = "request R key 1 versions 0-2 flexible 2+\n"
	for _, c := range []struct{ text, why string }{
		{"question R key 1 versions 0 flexible none", "unknown kind"},
		{"request R key", "a message is"},
		{"request R key 1 versions 3-1 flexible none", "end before they begin"},
		{"request R key 1 versions none flexible none", "no versions"},
		{"request R key x versions 0 flexible none", "invalid syntax"},
		{"request R colour 1 versions 0 flexible none", "unknown attribute"},
		{"  A int8 0+", "nothing to nest"},
		{head + " A int8 0+", "odd indentation"},
		{head + "    A int8 0+", "nothing to nest"},
		{head + "  A int8", "a field is"},
		{head + "  A int9 0+", "unknown type"},
		{head + "  A int8 0+ tagged 1", "unknown attribute"},
		{head + "  A int8 0+ tag 1 1+", "inflexible"},
		{head + "  A B 0+", "not defined"},
		{head + "  A B 0+\n    C B 0+", "contains itself"},
		{head + "  A B 0+\n    X int8 0+\n  C B 0+\n    X int8 0+", "twice"},
		{head + "  struct B", "a struct line"},
	} {
		_, err := Parse("x", c.text)
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q: %v, want %q", c.text, err, c.why)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, s := range []string{"0+", "3", "0-2", "none"} {
		v, err := parseVersions(s)
		if err != nil || v.String() != s {
			t.Errorf("%s: %s, %v", s, v, err)
		}
	}
	a, b := Versions{1, 4}, Versions{3, 9}
	if got := a.Intersect(b); got != (Versions{3, 4}) {
		t.Errorf("intersection %s", got)
	}
	if got := a.Intersect(Versions{5, 9}); got != None || !got.Empty() {
		t.Errorf("no intersection %s", got)
	}
	if !a.Covers(None) || !a.Covers(Versions{2, 3}) || a.Covers(b) || None.Covers(a) {
		t.Error("Covers")
	}
	if !a.Contains(4) || a.Contains(5) {
		t.Error("Contains")
	}
}

func TestErrors(t *testing.T) {
	codes, err := LoadErrors()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range codes {
		if c.Message == "" || (i > 0 && c.Code <= codes[i-1].Code) || c.Code == 0 {
			t.Errorf("%+v", c)
		}
	}
}
