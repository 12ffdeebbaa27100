package broker_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/jockotest"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the scripts expect")

// TestScripts runs the scripts in testdata. A script is a list of requests and
// the responses of a broker of its own:
//
//	Metadata v9
//	{"Topics": [{"Name": "a"}]}
//	----
//	{...}
//
// A request and a response are the message's fields as JSON; fields at Kafka's
// default are left out. Ids, ports and times, which differ from run to run, have
// names. A batch of records is written batch(v1, k2=v2, ...), with flags in
// front: batch(zstd, ts=1000, pid=7:0:3, v1). "Metadata v9 as x" is sent by a
// client of that name.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			runScript(t, path)
		})
	}
}

func runScript(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var opts []jockotest.Option
	var out strings.Builder
	s := &script{names: make(map[string]string)}
	defer func() { s.hangUp() }()
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		if i > 0 {
			out.WriteString("\n\n")
		}
		ask, want, found := strings.Cut(block, "\n----")
		want = strings.TrimPrefix(want, "\n")
		if !found { // a comment, or the broker's configuration
			for _, line := range strings.Split(block, "\n") {
				if kv, ok := strings.CutPrefix(line, "config "); ok {
					key, value, _ := strings.Cut(kv, "=")
					opts = append(opts, jockotest.Config(key, value))
				}
			}
			out.WriteString(block)
			continue
		}
		if s.broker == nil {
			s.broker = jockotest.Start(t, opts...)
		}
		got := s.run(ask)
		out.WriteString(ask + "\n----\n" + got)
		if got != want && !*rewrite {
			t.Errorf("%s\n---- want\n%s\n---- got\n%s", ask, want, got)
		}
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// script is the state of one script: a connection, and the names of values that
// differ from run to run.
type script struct {
	broker *jockotest.Broker
	conn   net.Conn
	client string            // sends the next request
	names  map[string]string // value -> name
}

func (s *script) hangUp() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

var head = regexp.MustCompile(`^(\w+) v(\d+)(?: as (\w+))?$`)

// run sends one request and prints the response.
func (s *script) run(ask string) string {
	first, body, _ := strings.Cut(ask, "\n")
	if first == "restart" {
		s.hangUp()
		s.broker.Restart()
		return "ok"
	}
	m := head.FindStringSubmatch(first)
	if m == nil {
		return "error: not a request: " + first
	}
	key, ok := keyNamed(m[1])
	version, err := strconv.ParseInt(m[2], 10, 16)
	if !ok || err != nil {
		return "error: no API " + first
	}
	req := key.NewRequest()
	req.Default()
	if err := json.Unmarshal([]byte(s.expand(body)), req); err != nil {
		return "error: " + err.Error()
	}
	s.client = m[3]
	resp, err := s.send(key, int16(version), req)
	if err != nil {
		s.hangUp()
		return err.Error()
	}
	s.learn(reflect.ValueOf(resp))
	text := render(reflect.ValueOf(resp).Elem(), reflect.ValueOf(defaultOf(resp)).Elem())
	for value, name := range s.names {
		text = strings.ReplaceAll(text, value, name)
	}
	return text
}

func keyNamed(name string) (protocol.Key, bool) {
	for _, k := range protocol.Keys() {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

func defaultOf(m protocol.Message) protocol.Message {
	d := reflect.New(reflect.TypeOf(m).Elem()).Interface().(protocol.Message)
	d.Default()
	return d
}

// send sends a request and reads its response. Produce with acks=0 has none.
func (s *script) send(key protocol.Key, version int16, req protocol.Message) (protocol.Message, error) {
	if s.conn == nil {
		conn, err := net.Dial("tcp", s.broker.Addr())
		if err != nil {
			return nil, err
		}
		s.conn = conn
	}
	client := cmp.Or(s.client, "script")
	e := protocol.NewEncoder()
	at := e.Reserve(4)
	h := protocol.RequestHeader{Key: key, Version: version, CorrelationID: 7, ClientID: &client}
	h.Encode(e)
	req.Encode(e, min(max(version, key.MinVersion()), key.MaxVersion()))
	e.PatchInt32(at, int32(e.Size()-4))
	if _, err := s.conn.Write(e.Bytes()); err != nil {
		return nil, err
	}
	if p, ok := req.(*protocol.ProduceRequest); ok && p.Acks == 0 {
		return &protocol.ProduceResponse{}, nil
	}
	return s.receive(key, version)
}

func (s *script) receive(key protocol.Key, version int16) (protocol.Message, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(s.conn, size[:]); err != nil {
		return nil, fmt.Errorf("connection closed")
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(s.conn, frame); err != nil {
		return nil, err
	}
	if key == protocol.ApiVersions && version > key.MaxVersion() {
		version = 0
	}
	d := protocol.NewDecoder(frame)
	id, err := protocol.DecodeResponseHeader(d, key, version)
	if err != nil || id != 7 {
		return nil, fmt.Errorf("response header: id %d, %v", id, err)
	}
	resp := key.NewResponse()
	resp.Default()
	if err := resp.Decode(d, version); err != nil {
		return nil, err
	}
	return resp, d.Finish()
}

var (
	batchCall = regexp.MustCompile(`"batch\(([^)]*)\)"`)
	idCall    = regexp.MustCompile(`"<([^>]+)>"`)
)

// expand puts bytes in the place of batch(...) and ids in the place of their
// names.
func (s *script) expand(body string) string {
	if body == "" {
		return "{}"
	}
	body = batchCall.ReplaceAllStringFunc(body, func(call string) string {
		return strconv.Quote(base64.StdEncoding.EncodeToString(makeBatch(batchCall.FindStringSubmatch(call)[1])))
	})
	return idCall.ReplaceAllStringFunc(body, func(quoted string) string {
		name := quoted[2 : len(quoted)-2]
		for value, n := range s.names {
			id, err := protocol.ParseUUID(value)
			if n == name && err == nil {
				list, _ := json.Marshal([16]byte(id))
				return string(list)
			}
			if n == name {
				return value
			}
		}
		return quoted
	})
}

// makeBatch makes the bytes of batch(...).
func makeBatch(args string) []byte {
	codec, ts := record.None, int64(1_000)
	pid, epoch, seq, txn := record.ProducerID(-1), record.ProducerEpoch(-1), int32(-1), false
	var records [][2]*string
	for _, a := range strings.Split(args, ",") {
		a = strings.TrimSpace(a)
		name, value, pair := strings.Cut(a, "=")
		if c, err := record.ParseCodec(a); err == nil {
			codec = c
			continue
		}
		switch {
		case name == "ts":
			ts, _ = strconv.ParseInt(value, 10, 64)
		case name == "pid":
			fmt.Sscanf(value, "%d:%d:%d", &pid, &epoch, &seq)
		case a == "txn":
			txn = true
		case pair:
			records = append(records, [2]*string{&name, &value})
		case a != "":
			records = append(records, [2]*string{nil, &a})
		}
	}
	b := record.NewBuilder(codec, 0)
	b.SetProducer(pid, epoch, seq, txn)
	for _, r := range records {
		b.Append(ts, bytesOf(r[0]), bytesOf(r[1]))
	}
	return b.Build()
}

func bytesOf(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

// learn gives names to what differs from run to run.
func (s *script) learn(v reflect.Value) {
	switch m := v.Interface().(type) {
	case *protocol.CreateTopicsResponse:
		for _, t := range m.Topics {
			s.name(t.TopicId, t.Name)
		}
	case *protocol.MetadataResponse:
		for _, t := range m.Topics {
			if t.Name != nil {
				s.name(t.TopicId, *t.Name)
			}
		}
		if m.ClusterId != nil {
			s.names[*m.ClusterId] = "<cluster>"
		}
		for _, b := range m.Brokers {
			s.names[fmt.Sprint(b.Port)] = "<port>"
		}
	case *protocol.DeleteTopicsResponse:
		for _, t := range m.Responses {
			if t.Name != nil && t.ErrorCode == 0 {
				s.name(t.TopicId, *t.Name)
			}
		}
	case *protocol.DescribeTopicPartitionsResponse:
		for _, t := range m.Topics {
			s.name(t.TopicId, *t.Name)
		}
	case *protocol.DescribeClusterResponse:
		if m.ClusterId != "" {
			s.names[m.ClusterId] = "<cluster>"
		}
		for _, b := range m.Brokers {
			s.names[fmt.Sprint(b.Port)] = "<port>"
		}
	case *protocol.FindCoordinatorResponse:
		for _, c := range m.Coordinators {
			if c.Port > 0 {
				s.names[fmt.Sprint(c.Port)] = "<port>"
			}
		}
	case *protocol.DescribeTransactionsResponse:
		for _, t := range m.TransactionStates {
			if t.TransactionStartTimeMs > 0 {
				s.names[fmt.Sprint(t.TransactionStartTimeMs)] = "<ms>"
			}
		}
	case *protocol.FetchResponse:
		if m.SessionId != 0 {
			s.names[fmt.Sprint(m.SessionId)] = "session"
		}
	}
}

func (s *script) name(id protocol.UUID, topic string) {
	if id != (protocol.UUID{}) {
		s.names[id.String()] = "id of " + topic
	}
}

// render prints a message, leaving out what is at its default.
func render(v, def reflect.Value) string {
	var b bytes.Buffer
	renderStruct(&b, v, def, "")
	return b.String()
}

func renderStruct(b *bytes.Buffer, v, def reflect.Value, indent string) {
	b.WriteString("{")
	first := true
	for i := range v.NumField() {
		f, d := v.Field(i), def.Field(i)
		if reflect.DeepEqual(f.Interface(), d.Interface()) || f.Kind() == reflect.Slice && f.Len() == 0 {
			continue
		}
		if !first {
			b.WriteString(" ")
		}
		first = false
		b.WriteString(v.Type().Field(i).Name + ":")
		renderValue(b, v.Type().Field(i).Name, f, indent+"  ")
	}
	b.WriteString("}")
}

func renderValue(b *bytes.Buffer, name string, f reflect.Value, indent string) {
	switch x := f.Interface().(type) {
	case protocol.UUID:
		b.WriteString("<" + x.String() + ">")
		return
	case protocol.Records:
		renderRecords(b, x)
		return
	case *string:
		if x == nil {
			b.WriteString("null")
			return
		}
		b.WriteString(strconv.Quote(*x))
		return
	}
	switch f.Kind() {
	case reflect.Int16:
		if code := protocol.Error(f.Int()); name == "ErrorCode" {
			b.WriteString(code.Name())
			return
		}
		fmt.Fprint(b, f.Interface())
	case reflect.String:
		b.WriteString(strconv.Quote(f.String()))
	case reflect.Pointer:
		renderValue(b, name, f.Elem(), indent)
	case reflect.Struct:
		def := reflect.New(f.Type())
		def.Interface().(interface{ Default() }).Default()
		renderStruct(b, f, def.Elem(), indent)
	case reflect.Slice:
		renderList(b, name, f, indent)
	default:
		fmt.Fprint(b, f.Interface())
	}
}

func renderList(b *bytes.Buffer, name string, f reflect.Value, indent string) {
	structs := f.Type().Elem().Kind() == reflect.Struct
	b.WriteString("[")
	for i := range f.Len() {
		switch {
		case structs:
			b.WriteString("\n" + indent)
		case i > 0:
			b.WriteString(" ")
		}
		renderValue(b, name, f.Index(i), indent)
	}
	b.WriteString("]")
}

// renderRecords prints batches as offset, codec and records.
func renderRecords(b *bytes.Buffer, ranges protocol.Records) {
	var all []byte
	for _, r := range ranges {
		all = append(all, r.Bytes...)
	}
	b.WriteString("[")
	for len(all) > 0 {
		batch, rest, err := record.Next(all)
		if err != nil {
			fmt.Fprintf(b, "%v", err)
			break
		}
		all = rest
		fmt.Fprintf(b, "(%d-%d epoch %d %v:", batch.BaseOffset(), batch.LastOffset(), batch.LeaderEpoch(), batch.Codec())
		if err := batch.CheckCRC(); err != nil {
			fmt.Fprintf(b, " %v", err)
		}
		if m, ok, err := record.ReadMarker(batch); ok && err == nil {
			fmt.Fprintf(b, " marker %d of producer %d epoch %d)", m.Type, m.ProducerID, m.ProducerEpoch)
			continue
		}
		rd := record.Read(batch, record.NoLimits)
		for rd.Next() {
			r := rd.Record()
			fmt.Fprintf(b, " %s=%s@%d", r.Key, r.Value, r.Timestamp)
		}
		rd.Close()
		b.WriteString(")")
	}
	b.WriteString("]")
}
