package broker

import (
	"context"
	"strconv"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/controller"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// DescribeConfigs (key 32)
//
//   - Shows the configs in force of topics, brokers, broker loggers, client
//     metrics and groups: value, where it comes from, and with synonyms asked
//     for, which other values lie below it. Secrets have no value.
//   - A broker resource without a name is the cluster-wide default.
//   - Only this broker's own configs and loggers can be asked for here.
//
// v1 synonyms. v3 types and documentation. v4 flexible.
func (b *Broker) describeConfigs(_ context.Context, rq *Request, m *protocol.DescribeConfigsRequest) *protocol.DescribeConfigsResponse {
	resp := &protocol.DescribeConfigsResponse{Results: []protocol.DescribeConfigsResponseDescribeConfigsResult{}}
	for i := range m.Resources {
		r := &m.Resources[i]
		out := protocol.DescribeConfigsResponseDescribeConfigsResult{
			ResourceType: r.ResourceType, ResourceName: r.ResourceName, Configs: []protocol.DescribeConfigsResponseDescribeConfigsResourceResult{},
		}
		entries, err := b.configEntries(rq, r)
		if none := ""; err == nil { // Kafka's word for no error here
			out.ErrorMessage = &none
		} else {
			out.ErrorCode, out.ErrorMessage = codeAndText(err)
		}
		for j := range entries {
			if e := &entries[j]; wanted(r.ConfigurationKeys, e.Name) {
				out.Configs = append(out.Configs, describeEntry(e, m.IncludeSynonyms, m.IncludeDocumentation))
			}
		}
		resp.Results = append(resp.Results, out)
	}
	return resp
}

// configEntries lists the configs of one resource.
func (b *Broker) configEntries(rq *Request, r *protocol.DescribeConfigsRequestDescribeConfigsResource) ([]config.Entry, error) {
	own := rq.Image.Config(metadata.Resource{Type: r.ResourceType, Name: r.ResourceName})
	switch r.ResourceType {
	case metadata.TopicResource:
		if metadata.CheckTopicName(r.ResourceName) != nil {
			return nil, protocol.ErrInvalidTopicException
		}
		if rq.Image.Topic(r.ResourceName) == nil {
			return nil, protocol.ErrUnknownTopicOrPartition
		}
		return config.DescribeTopic(own, b.config(rq)), nil
	case metadata.BrokerResource:
		if r.ResourceName == "" {
			return config.DescribeClusterDefault(own), nil
		}
		if err := b.isSelf(r.ResourceName); err != nil {
			return nil, err
		}
		return config.DescribeBroker(b.config(rq)), nil
	case metadata.BrokerLoggerResource:
		if err := b.isSelf(r.ResourceName); err != nil {
			return nil, err
		}
		return b.loggerEntries(), nil
	case metadata.ClientMetricsResource:
		if r.ResourceName == "" {
			return nil, protocol.Refuse(protocol.ErrInvalidRequest, "Client metrics subscription name must not be empty")
		}
		return config.DescribeClientMetrics(own), nil
	case metadata.GroupResource:
		if r.ResourceName == "" {
			return nil, protocol.Refuse(protocol.ErrInvalidRequest, "Group name must not be empty")
		}
		return config.DescribeGroup(own, b.config(rq)), nil
	}
	return nil, protocol.Refuse(protocol.ErrInvalidRequest, "Unsupported resource type: "+strconv.Itoa(int(r.ResourceType)))
}

// isSelf checks that a resource's name is this broker's id.
func (b *Broker) isSelf(name string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return protocol.Refuse(protocol.ErrInvalidRequest, "Broker id must be an integer, but it is: "+name)
	}
	if metadata.BrokerID(id) != b.Self {
		return protocol.Refuse(protocol.ErrInvalidRequest, "Unexpected broker id, expected "+strconv.Itoa(int(b.Self))+", but received "+name)
	}
	return nil
}

// wanted: a null list of keys asks for all, and so does an empty one.
func wanted(keys []string, name string) bool {
	for _, k := range keys {
		if k == name {
			return true
		}
	}
	return len(keys) == 0
}

func describeEntry(e *config.Entry, synonyms, docs bool) protocol.DescribeConfigsResponseDescribeConfigsResourceResult {
	out := protocol.DescribeConfigsResponseDescribeConfigsResourceResult{
		Name: e.Name, Value: e.Value, ReadOnly: e.ReadOnly, ConfigSource: int8(e.Source), IsSensitive: e.Sensitive() && e.Source != config.SourceBrokerLogger, ConfigType: int8(e.Type()),
		Synonyms: []protocol.DescribeConfigsResponseDescribeConfigsSynonym{},
	}
	if synonyms {
		for _, s := range e.Synonyms {
			out.Synonyms = append(out.Synonyms, protocol.DescribeConfigsResponseDescribeConfigsSynonym{Name: s.Name, Value: s.Value, Source: int8(s.Source)})
		}
	}
	if docs {
		doc := e.Doc()
		out.Documentation = &doc
	}
	return out
}

// loggerEntries are the levels of this broker's loggers (KIP-412): one, for
// everything.
func (b *Broker) loggerEntries() []config.Entry {
	level := b.LogLevel()
	return []config.Entry{{Name: controller.RootLogger, Value: &level, Source: config.SourceBrokerLogger}}
}
