package sim

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// dialer opens connections to one broker.
type dialer func() (net.Conn, error)

func tcp(addr string) dialer {
	return func() (net.Conn, error) { return net.DialTimeout("tcp", addr, callTimeout) }
}

// callTimeout is longer than any answer may take: what takes longer hangs.
const callTimeout = 30 * time.Second

// client is a Kafka client that does one request at a time and nothing by itself: no retries, no background work.
type client struct {
	nc          net.Conn
	correlation int32
}

func connect(dial dialer) (*client, error) {
	nc, err := dial()
	if err != nil {
		return nil, err
	}
	return &client{nc: nc}, nil
}

func (c *client) close() {
	if c != nil && c.nc != nil {
		c.nc.Close()
	}
}

// frame is a request as it goes over the wire, its length in front.
func frame(m protocol.Message, version int16, correlation int32) []byte {
	e := protocol.NewEncoder()
	name := "sim"
	h := protocol.RequestHeader{Key: m.Key(), Version: version, CorrelationID: correlation, ClientID: &name}
	h.Encode(e)
	m.Encode(e, version)
	b := e.Bytes()
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// call sends a request and reads its response into answer. Its errors leave the connection unusable.
func (c *client) call(request protocol.Message, version int16, answer protocol.Message) error {
	c.correlation++
	if err := c.send(frame(request, version, c.correlation)); err != nil {
		return err
	}
	if answer == nil {
		return nil
	}
	body, err := c.receive()
	if err != nil {
		return err
	}
	d := protocol.NewDecoder(body)
	correlation, err := protocol.DecodeResponseHeader(d, request.Key(), version)
	if err != nil {
		return err
	}
	if correlation != c.correlation {
		return fmt.Errorf("the answer is that of request %d, not %d", correlation, c.correlation)
	}
	return answer.Decode(d, version)
}

func (c *client) send(b []byte) error {
	if err := c.nc.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return err
	}
	_, err := c.nc.Write(b)
	return err
}

func (c *client) receive() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.nc, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c.nc, body)
	return body, err
}

// code makes an error of a response's code.
func code(n int16) error {
	if n == 0 {
		return nil
	}
	return protocol.Error(n)
}

// The versions the client speaks: the newest that names topics.
const (
	produceVersion = 12
	fetchVersion   = 12
)

// produce sends one batch and returns the offset of its first record. Errors that are a protocol.Error were answered.
func (c *client) produce(tp partition, batch []byte, acks int16) (int64, error) {
	rq := protocol.ProduceRequest{Acks: acks, TimeoutMs: int32(callTimeout / time.Millisecond / 2), TopicData: []protocol.ProduceRequestTopicProduceData{{
		Name: tp.topic, PartitionData: []protocol.ProduceRequestPartitionProduceData{{Index: tp.index, Records: batch}},
	}}}
	var rs protocol.ProduceResponse
	if err := c.call(&rq, produceVersion, &rs); err != nil {
		return -1, err
	}
	if len(rs.Responses) != 1 || len(rs.Responses[0].PartitionResponses) != 1 {
		return -1, fmt.Errorf("produce: an answer for %d topics", len(rs.Responses))
	}
	p := rs.Responses[0].PartitionResponses[0]
	return p.BaseOffset, code(p.ErrorCode)
}

// fetched is one answer of a fetch.
type fetched struct {
	start, high int64
	records     []byte
}

// fetch reads batches from an offset on, without waiting for more.
func (c *client) fetch(tp partition, from int64, maxBytes int32) (fetched, error) {
	rq := protocol.FetchRequest{ReplicaId: -1, MaxWaitMs: 0, MinBytes: 0, MaxBytes: maxBytes, SessionEpoch: -1, Topics: []protocol.FetchRequestFetchTopic{{
		Topic: tp.topic, Partitions: []protocol.FetchRequestFetchPartition{{
			Partition: tp.index, CurrentLeaderEpoch: -1, FetchOffset: from, LastFetchedEpoch: -1, LogStartOffset: -1, PartitionMaxBytes: maxBytes,
		}},
	}}}
	var rs protocol.FetchResponse
	if err := c.call(&rq, fetchVersion, &rs); err != nil {
		return fetched{}, err
	}
	if rs.ErrorCode != 0 || len(rs.Responses) != 1 || len(rs.Responses[0].Partitions) != 1 {
		return fetched{}, fmt.Errorf("fetch: code %d, %d topics", rs.ErrorCode, len(rs.Responses))
	}
	p := &rs.Responses[0].Partitions[0]
	out := fetched{start: p.LogStartOffset, high: p.HighWatermark}
	for _, r := range p.Records {
		out.records = append(out.records, r.Bytes...)
	}
	return out, code(p.ErrorCode)
}

// offset asks for the log start offset (-2) or the high watermark (-1).
func (c *client) offset(tp partition, which int64) (int64, error) {
	rq := protocol.ListOffsetsRequest{ReplicaId: -1, Topics: []protocol.ListOffsetsRequestListOffsetsTopic{{
		Name: tp.topic, Partitions: []protocol.ListOffsetsRequestListOffsetsPartition{{PartitionIndex: tp.index, CurrentLeaderEpoch: -1, Timestamp: which}},
	}}}
	var rs protocol.ListOffsetsResponse
	if err := c.call(&rq, 7, &rs); err != nil {
		return -1, err
	}
	p := rs.Topics[0].Partitions[0]
	return p.Offset, code(p.ErrorCode)
}

// view reads a whole partition.
func (c *client) view(tp partition) (view, error) {
	var v view
	start, err := c.offset(tp, -2)
	if err != nil {
		return v, err
	}
	v.start = start
	if v.high, err = c.offset(tp, -1); err != nil {
		return v, err
	}
	for next := start; next < v.high; {
		f, err := c.fetch(tp, next, 4<<20)
		if err != nil {
			return v, fmt.Errorf("fetch at offset %d of %d to %d: %w", next, start, v.high, err)
		}
		from := len(v.records)
		if v.records, err = appendSeen(v.records, f.records); err != nil {
			return v, fmt.Errorf("fetch at offset %d: %w", next, err)
		}
		if len(v.records) == from {
			return v, fmt.Errorf("fetch at offset %d, below the high watermark %d, is empty", next, v.high)
		}
		next = v.records[len(v.records)-1].offset + 1
	}
	return v, nil
}

// appendSeen reads the records of whole batches, whose checksums it checks.
func appendSeen(out []seen, b []byte) ([]seen, error) {
	for len(b) > 0 {
		batch, rest, err := record.Next(b)
		if err != nil {
			return out, err
		}
		if err := batch.CheckCRC(); err != nil {
			return out, fmt.Errorf("batch at %d: %w", batch.BaseOffset(), err)
		}
		r := record.Read(batch, record.Limits{})
		for r.Next() {
			rec := r.Record()
			out = append(out, seen{offset: int64(rec.Offset), key: clone(rec.Key), value: clone(rec.Value)})
		}
		err = r.Err()
		r.Close()
		if err != nil {
			return out, err
		}
		b = rest
	}
	return out, nil
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// topicInfo is what Metadata says of a topic.
type topicInfo struct {
	id         protocol.UUID
	partitions int
	offline    int // partitions that have no leader or an error
}

func (c *client) topics() (map[string]topicInfo, error) {
	var rs protocol.MetadataResponse
	if err := c.call(&protocol.MetadataRequest{}, 12, &rs); err != nil {
		return nil, err
	}
	out := make(map[string]topicInfo)
	for _, t := range rs.Topics {
		info := topicInfo{id: t.TopicId, partitions: len(t.Partitions)}
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				info.offline++
			}
		}
		out[*t.Name] = info
	}
	return out, nil
}

func (c *client) createTopic(name string, partitions int32, configs map[string]string) error {
	t := protocol.CreateTopicsRequestCreatableTopic{Name: name, NumPartitions: partitions, ReplicationFactor: -1}
	for k, v := range configs {
		t.Configs = append(t.Configs, protocol.CreateTopicsRequestCreatableTopicConfig{Name: k, Value: &v})
	}
	var rs protocol.CreateTopicsResponse
	rq := protocol.CreateTopicsRequest{Topics: []protocol.CreateTopicsRequestCreatableTopic{t}, TimeoutMs: 10_000}
	if err := c.call(&rq, 7, &rs); err != nil {
		return err
	}
	return code(rs.Topics[0].ErrorCode)
}

func (c *client) deleteTopic(name string) error {
	var rs protocol.DeleteTopicsResponse
	if err := c.call(&protocol.DeleteTopicsRequest{TopicNames: []string{name}, TimeoutMs: 10_000}, 5, &rs); err != nil {
		return err
	}
	return code(rs.Responses[0].ErrorCode)
}

func (c *client) createPartitions(name string, count int32) error {
	var rs protocol.CreatePartitionsResponse
	rq := protocol.CreatePartitionsRequest{TimeoutMs: 10_000, Topics: []protocol.CreatePartitionsRequestCreatePartitionsTopic{{Name: name, Count: count}}}
	if err := c.call(&rq, 3, &rs); err != nil {
		return err
	}
	return code(rs.Results[0].ErrorCode)
}

const topicResource = 2

func (c *client) setConfig(topic, key, value string) error {
	var rs protocol.IncrementalAlterConfigsResponse
	rq := protocol.IncrementalAlterConfigsRequest{Resources: []protocol.IncrementalAlterConfigsRequestAlterConfigsResource{{
		ResourceType: topicResource, ResourceName: topic,
		Configs: []protocol.IncrementalAlterConfigsRequestAlterableConfig{{Name: key, Value: &value}},
	}}}
	if err := c.call(&rq, 1, &rs); err != nil {
		return err
	}
	return code(rs.Responses[0].ErrorCode)
}

func (c *client) config(topic, key string) (string, error) {
	var rs protocol.DescribeConfigsResponse
	rq := protocol.DescribeConfigsRequest{Resources: []protocol.DescribeConfigsRequestDescribeConfigsResource{{
		ResourceType: topicResource, ResourceName: topic, ConfigurationKeys: []string{key},
	}}}
	if err := c.call(&rq, 4, &rs); err != nil {
		return "", err
	}
	r := rs.Results[0]
	if r.ErrorCode != 0 || len(r.Configs) != 1 || r.Configs[0].Value == nil {
		return "", fmt.Errorf("config %s of %s: code %d, %d values", key, topic, r.ErrorCode, len(r.Configs))
	}
	return *r.Configs[0].Value, nil
}

func (c *client) deleteRecords(tp partition, before int64) (low int64, err error) {
	var rs protocol.DeleteRecordsResponse
	rq := protocol.DeleteRecordsRequest{TimeoutMs: 10_000, Topics: []protocol.DeleteRecordsRequestDeleteRecordsTopic{{
		Name: tp.topic, Partitions: []protocol.DeleteRecordsRequestDeleteRecordsPartition{{PartitionIndex: tp.index, Offset: before}},
	}}}
	if err := c.call(&rq, 2, &rs); err != nil {
		return -1, err
	}
	p := rs.Topics[0].Partitions[0]
	return p.LowWatermark, code(p.ErrorCode)
}

func (c *client) initProducerID() (id int64, epoch int16, err error) {
	var rs protocol.InitProducerIdResponse
	if err := c.call(&protocol.InitProducerIdRequest{ProducerId: -1, ProducerEpoch: -1}, 4, &rs); err != nil {
		return -1, -1, err
	}
	return rs.ProducerId, rs.ProducerEpoch, code(rs.ErrorCode)
}
