package controller

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the scripts expect")

// TestScripts runs the scripts in testdata, each on an image of its own:
//
//	brokers 1 2 3-fenced
//
//	CreateTopics
//	{"Topics": [{"Name": "a", "NumPartitions": 1, "ReplicationFactor": 1}]}
//	----
//	+ TopicRecord{...}
//	CreateTopicsResponse{...}
//
// A command is a request by the name of its API, with the fields of its message
// as JSON, or a record, which is applied. What follows is the records that were
// decided, which the next command sees, and the response. Fields of value zero
// are left out; ids are counted.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { runScript(t, path) })
	}
}

func runScript(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{image: metadata.Empty(), rand: rand.New(rand.NewPCG(1, 2)), broker: config.NewBroker(nil)}
	var out []string
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		ask, want, found := strings.Cut(block, "\n----")
		if !found && strings.HasPrefix(ask, "#") {
			out = append(out, block)
			continue
		}
		got := s.run(ask)
		if want = strings.TrimPrefix(want, "\n"); got != want && !*rewrite {
			t.Errorf("%s\n---- want\n%s\n---- got\n%s", ask, want, got)
		}
		if found || got != "" {
			ask += "\n----\n" + got
		}
		out = append(out, ask)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// script is the state of one script.
type script struct {
	image  *metadata.Image
	rand   *rand.Rand
	broker *config.Broker
	ids    byte
}

func (s *script) newID() protocol.UUID {
	s.ids++
	return protocol.UUID{15: s.ids}
}

func (s *script) run(ask string) string {
	head, body, _ := strings.Cut(ask, "\n")
	name, rest, _ := strings.Cut(head, " ")
	switch name {
	case "brokers":
		return s.brokers(strings.Fields(rest))
	case "config":
		key, value, _ := strings.Cut(rest, "=")
		s.broker = config.NewBroker(config.Map{key: value})
		return ""
	}
	decide, ok := decisions[name]
	if !ok {
		return "error: no decision is called " + name
	}
	records, resp, err := decide(s, []byte(body))
	if err != nil {
		return "error: " + err.Error()
	}
	var out strings.Builder
	for _, r := range records {
		out.WriteString("+ " + render(reflect.ValueOf(r)) + "\n")
	}
	if text := s.apply(records); text != "" {
		return text
	}
	if resp != nil {
		out.WriteString(render(reflect.ValueOf(resp)))
	}
	return strings.TrimSpace(out.String())
}

func (s *script) apply(records []metadata.Record) string {
	next, _, err := s.image.Apply(records)
	if err != nil {
		return "error: " + err.Error()
	}
	s.image = next
	return ""
}

// brokers registers brokers: 1, or 2-fenced, or 3-leaving.
func (s *script) brokers(list []string) string {
	var records []metadata.Record
	for _, b := range list {
		id, state, _ := strings.Cut(b, "-")
		n, err := strconv.Atoi(id)
		if err != nil {
			return "error: " + err.Error()
		}
		br := metadata.Broker{ID: metadata.BrokerID(n), Epoch: 1, Fenced: state == "fenced", InControlledShutdown: state == "leaving"}
		records = append(records, br.Record())
	}
	return s.apply(records)
}

// scripted is a decision that a script can ask for.
type scripted func(s *script, body []byte) ([]metadata.Record, any, error)

// request makes a decision out of a function on a request.
func request[M interface{ Default() }, R any](empty func() M, decide func(*script, M) ([]metadata.Record, R)) scripted {
	return func(s *script, body []byte) ([]metadata.Record, any, error) {
		m := empty()
		m.Default()
		if err := json.Unmarshal(body, m); err != nil {
			return nil, nil, err
		}
		records, resp := decide(s, m)
		return records, resp, nil
	}
}

func record[M interface {
	metadata.Record
	Default()
}](empty func() M) scripted {
	return func(s *script, body []byte) ([]metadata.Record, any, error) {
		m := empty()
		m.Default()
		return []metadata.Record{m}, nil, json.Unmarshal(body, m)
	}
}

func of[T any]() *T { return new(T) }

var decisions = map[string]scripted{
	"PartitionChangeRecord": record(of[protocol.PartitionChangeRecord]),
	"FeatureLevelRecord":    record(of[protocol.FeatureLevelRecord]),
	"CreateTopics": request(of[protocol.CreateTopicsRequest], func(s *script, m *protocol.CreateTopicsRequest) ([]metadata.Record, *protocol.CreateTopicsResponse) {
		records, resp := createTopics(s.image, m, s.broker, s.newID, newPlacer(s.image, s.rand))
		for i := range resp.Topics {
			resp.Topics[i].Configs = resp.Topics[i].Configs[:0]
		}
		return records, resp
	}),
	"CreateTopicsConfigs": request(of[protocol.CreateTopicsRequest], func(s *script, m *protocol.CreateTopicsRequest) ([]metadata.Record, *protocol.CreateTopicsResponse) {
		return createTopics(s.image, m, s.broker, s.newID, newPlacer(s.image, s.rand))
	}),
	"DeleteTopics": request(of[protocol.DeleteTopicsRequest], func(s *script, m *protocol.DeleteTopicsRequest) ([]metadata.Record, *protocol.DeleteTopicsResponse) {
		return deleteTopics(s.image, topicsToDelete(m))
	}),
	"CreatePartitions": request(of[protocol.CreatePartitionsRequest], func(s *script, m *protocol.CreatePartitionsRequest) ([]metadata.Record, *protocol.CreatePartitionsResponse) {
		return createPartitions(s.image, m, newPlacer(s.image, s.rand))
	}),
	"ElectLeaders": request(of[protocol.ElectLeadersRequest], func(s *script, m *protocol.ElectLeadersRequest) ([]metadata.Record, *protocol.ElectLeadersResponse) {
		return electLeaders(s.image, m)
	}),
	"AlterPartitionReassignments": request(of[protocol.AlterPartitionReassignmentsRequest], func(s *script, m *protocol.AlterPartitionReassignmentsRequest) ([]metadata.Record, *protocol.AlterPartitionReassignmentsResponse) {
		return alterPartitionReassignments(s.image, m)
	}),
	"ListPartitionReassignments": request(of[protocol.ListPartitionReassignmentsRequest], func(s *script, m *protocol.ListPartitionReassignmentsRequest) ([]metadata.Record, *protocol.ListPartitionReassignmentsResponse) {
		return nil, ListPartitionReassignments(s.image, m)
	}),
	"UpdateFeatures": request(of[protocol.UpdateFeaturesRequest], func(s *script, m *protocol.UpdateFeaturesRequest) ([]metadata.Record, *protocol.UpdateFeaturesResponse) {
		return updateFeatures(s.image, m, 2)
	}),
	"AlterConfigs": request(of[protocol.AlterConfigsRequest], func(s *script, m *protocol.AlterConfigsRequest) ([]metadata.Record, []resourceResult) {
		return alterConfigs(s.image, replacements(m), s.broker)
	}),
	"IncrementalAlterConfigs": request(of[protocol.IncrementalAlterConfigsRequest], func(s *script, m *protocol.IncrementalAlterConfigsRequest) ([]metadata.Record, []resourceResult) {
		return alterConfigs(s.image, increments(m), s.broker)
	}),
	"RegisterBroker": func(s *script, body []byte) ([]metadata.Record, any, error) {
		var b metadata.Broker
		err := json.Unmarshal(body, &b)
		records, epoch := registerBroker(s.image, "cluster", b)
		return records, fmt.Sprint("epoch ", epoch), err
	},
}

// render prints a value without its zero fields.
func render(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case protocol.UUID:
		return fmt.Sprint("id", x[15])
	case resourceResult:
		return fmt.Sprintf("%d %q ", x.resource.Type, x.resource.Name) + outcome(x.code, x.text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return render(v.Elem())
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Slice:
		return renderSlice(v)
	case reflect.Struct:
		return renderStruct(v)
	}
	return fmt.Sprint(v.Interface())
}

func outcome(code int16, text *string) string {
	if code == 0 {
		return "ok"
	}
	return protocol.Error(code).Name() + " " + *text
}

func renderSlice(v reflect.Value) string {
	var parts []string
	lines := v.Type().Elem().Kind() == reflect.Struct
	for i := range v.Len() {
		part := render(v.Index(i))
		if lines {
			part = strings.TrimPrefix(part, v.Type().Elem().Name())
			part = "\n  " + strings.ReplaceAll(part, "\n", "\n  ")
		}
		parts = append(parts, part)
	}
	if lines {
		return "[" + strings.Join(parts, "") + "]"
	}
	return "[" + strings.Join(parts, " ") + "]"
}

func renderStruct(v reflect.Value) string {
	var parts []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		field := v.Field(i)
		if !f.IsExported() || field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0 && f.Name == "Configs" {
			continue
		}
		text := ""
		if code, ok := field.Interface().(int16); ok && f.Name == "ErrorCode" {
			text = protocol.Error(code).Name()
		} else {
			text = render(field)
		}
		parts = append(parts, f.Name+":"+text)
	}
	return v.Type().Name() + "{" + strings.Join(parts, " ") + "}"
}
