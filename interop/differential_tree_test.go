//go:build differential

package interop

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

var indexes = regexp.MustCompile(`\[\d+\]`)

// flatten writes a response as paths and values, in a form in which two brokers' answers can be
// compared: ids that brokers invent become the names of what they stand for, lists whose order means
// nothing are sorted, and texts are left out.
func (s *side) flatten(req kmsg.Request, resp kmsg.Response) map[string]string {
	n := normalizer{s: s, api: kmsg.NameForKey(resp.Key())}
	if _, ok := req.(*kmsg.CreateTopicsRequest); ok {
		n.newIDs = true
	}
	tree := n.value(reflect.ValueOf(resp).Elem(), "")
	out := map[string]string{}
	flattenInto(out, "", tree)
	return out
}

func flattenInto(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flattenInto(out, path+"."+k, e)
		}
	case []any:
		out[path+".len"] = fmt.Sprint(len(v))
		for i, e := range v {
			flattenInto(out, fmt.Sprintf("%s[%d]", path, i), e)
		}
	default:
		out[path] = fmt.Sprint(v)
	}
}

type normalizer struct {
	s      *side
	api    string
	newIDs bool // topic ids in it are new

	carried *carried // of a scene; nil for the answer of a single request
}

// left lists the fields that are not compared.
var left = map[string]string{
	"Version":        "what we asked for",
	"UnknownTags":    "none are expected",
	"ErrorMessage":   "the words are each broker's own",
	"ThrottleMillis": "no quotas are set",
	"Documentation":  "the words are each broker's own",
	"LeaderEpoch":    "elections differ: a topic's first leader epoch may be any",
}

func (n normalizer) value(v reflect.Value, name string) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "null"
		}
		return n.value(v.Elem(), name)
	case reflect.Struct:
		return n.structure(v)
	case reflect.Slice:
		return n.slice(v, name)
	case reflect.Array:
		return n.id([16]byte(v.Bytes()))
	}
	return n.scalar(v, name)
}

func (n normalizer) structure(v reflect.Value) any {
	out := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || n.leaves(f.Name) {
			continue
		}
		out[f.Name] = n.value(v.Field(i), f.Name)
	}
	return out
}

// leaves says whether a field is not compared. The leader epoch in a group's answers is what was
// committed, not what was elected.
func (n normalizer) leaves(name string) bool {
	_, left := left[name]
	return left && (n.carried == nil || name != "LeaderEpoch")
}

func (n normalizer) slice(v reflect.Value, name string) any {
	if v.IsNil() {
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return "null bytes"
		}
		return []any{}
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return n.bytes(v.Bytes(), name)
	}
	out := make([]any, v.Len())
	keys := make(map[int]string, v.Len())
	order := make([]int, v.Len())
	for i := range out {
		out[i] = n.value(v.Index(i), name)
		text, err := json.Marshal(out[i])
		if err != nil {
			panic(err) // maps, slices and strings alone
		}
		keys[i], order[i] = string(text), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	sorted := make([]any, len(out))
	for i, j := range order {
		sorted[i] = out[j]
	}
	return named(sorted)
}

// named turns a list of things with different names into a map, so that one more or less of them
// does not shift all others.
func named(list []any) any {
	out := map[string]any{}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return list
		}
		var parts []string
		for _, key := range []string{"Name", "Topic", "ResourceType", "ResourceName", "Partition", "ApiKey", "NodeID", "Dir"} {
			if v, ok := m[key]; ok {
				parts = append(parts, fmt.Sprint(v))
			}
		}
		name := strings.Join(parts, "/")
		if _, twice := out[name]; twice || name == "" {
			return list
		}
		out[name] = e
	}
	if len(out) == 0 {
		return list
	}
	return out
}

func (n normalizer) id(id [16]byte) any {
	switch name, known := n.s.names[id]; {
	case id == [16]byte{}:
		return "no id"
	case known:
		return "id of " + name
	case n.newIDs:
		return "a new id"
	}
	return fmt.Sprintf("id %x", id)
}

func (n normalizer) bytes(p []byte, name string) any {
	if name != "RecordBatches" {
		if n.carried != nil && name == "MemberAssignment" {
			p = sortedAssignment(p)
		}
		if n.carried != nil && len(p) > 64 {
			return fmt.Sprintf("%d bytes, checksum %08x", len(p), crc32.ChecksumIEEE(p))
		}
		return fmt.Sprintf("%x", p)
	}
	var out []any
	for {
		b, rest, err := wire.Next(p)
		if err != nil {
			return append(out, "bad: "+err.Error())
		}
		if b == nil {
			if len(rest) == 0 && len(p) > 0 {
				out = append(out, "a part of a batch")
			}
			return out
		}
		facts := batchFacts(b)
		if n.carried != nil {
			facts = n.carried.facts(b)
		}
		out = append(out, fmt.Sprintf("%d %s", b.FirstOffset, facts))
		p = rest
	}
}

// scalar normalizes what brokers choose themselves.
func (n normalizer) scalar(v reflect.Value, name string) any {
	if n.carried != nil {
		if out, ok := n.carriedScalar(v, name); ok {
			return out
		}
	}
	switch {
	case name == "Host" && v.Kind() == reflect.String && v.String() != "":
		return "host"
	case name == "Port" && v.Int() > 0:
		return "port"
	case name == "ClusterID":
		return "cluster id"
	case (name == "Dir" || name == "LogDir") && v.Kind() == reflect.String:
		return strings.Replace(v.String(), n.s.broker.DataDir, "the log dir", 1)
	case name == "TotalBytes" || name == "UsableBytes":
		return v.Int() > 0
	case name == "SessionID" && v.Int() > 0:
		return "session"
	case name == "ProducerID" && v.Kind() == reflect.Int64 && v.Int() >= 0 && n.api == "InitProducerID":
		return "producer id"
	case name == "SubscriptionID":
		return "subscription"
	case name == "Timestamp" && (v.Int() > batchTime+2000 && v.Int() < batchTime+3600_000):
		return "append time"
	case name == "LogAppendTime" && v.Int() > 0, name == "LastTimestamp" && v.Int() > 0:
		return "time"
	}
	if n.api == "DescribeQuorum" && v.CanInt() && v.Int() > 0 && name != "ErrorCode" {
		return "positive"
	}
	if name == "FinalizedFeaturesEpoch" {
		return v.Int() >= 0
	}
	return v.Interface()
}

// contrast is one difference.
type contrast struct {
	api          string
	version      int16
	spoiled      bool
	path         string
	theirs, ours string
}

// acceptedReason returns why a difference is accepted, or nothing.
func acceptedReason(c contrast) string {
	for _, a := range accepted {
		if a.api != "" && a.api != c.api {
			continue
		}
		if fits(a.path, c.path) && fits(a.theirs, c.theirs) && fits(a.ours, c.ours) {
			return a.reason
		}
	}
	return ""
}

func fits(pattern, s string) bool {
	return pattern == "" || regexp.MustCompile("^(?:"+pattern+")$").MatchString(s)
}
