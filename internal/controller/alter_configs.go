package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// The operations of IncrementalAlterConfigs (KIP-339).
const (
	setConfig      = 0
	deleteConfig   = 1
	appendConfig   = 2
	subtractConfig = 3
)

// configOp is one change of one config.
type configOp struct {
	name  string
	op    int8
	value *string
}

// resourceChange is what a request asks for one resource.
type resourceChange struct {
	resource metadata.Resource
	ops      []configOp
	replace  bool // what isn't set is removed (AlterConfigs)
}

// resourceResult is the outcome for one resource.
type resourceResult struct {
	resource metadata.Resource
	code     int16
	text     *string
}

// AlterConfigs replaces the configs of resources.
func (c *Controller) AlterConfigs(ctx context.Context, m *protocol.AlterConfigsRequest) *protocol.AlterConfigsResponse {
	var changes []resourceChange
	for i := range m.Resources {
		r := &m.Resources[i]
		ch := resourceChange{resource: metadata.Resource{Type: r.ResourceType, Name: r.ResourceName}, replace: true}
		for j := range r.Configs {
			ch.ops = append(ch.ops, configOp{r.Configs[j].Name, setConfig, r.Configs[j].Value})
		}
		changes = append(changes, ch)
	}
	resp := &protocol.AlterConfigsResponse{Responses: []protocol.AlterConfigsResponseAlterConfigsResourceResponse{}}
	for _, r := range c.alter(ctx, changes, m.ValidateOnly) {
		resp.Responses = append(resp.Responses, protocol.AlterConfigsResponseAlterConfigsResourceResponse{
			ErrorCode: r.code, ErrorMessage: r.text, ResourceType: r.resource.Type, ResourceName: r.resource.Name,
		})
	}
	return resp
}

// IncrementalAlterConfigs changes single configs of resources.
func (c *Controller) IncrementalAlterConfigs(ctx context.Context, m *protocol.IncrementalAlterConfigsRequest) *protocol.IncrementalAlterConfigsResponse {
	var changes []resourceChange
	for i := range m.Resources {
		r := &m.Resources[i]
		ch := resourceChange{resource: metadata.Resource{Type: r.ResourceType, Name: r.ResourceName}}
		for j := range r.Configs {
			ch.ops = append(ch.ops, configOp{r.Configs[j].Name, r.Configs[j].ConfigOperation, r.Configs[j].Value})
		}
		changes = append(changes, ch)
	}
	resp := &protocol.IncrementalAlterConfigsResponse{Responses: []protocol.IncrementalAlterConfigsResponseAlterConfigsResourceResponse{}}
	for _, r := range c.alter(ctx, changes, m.ValidateOnly) {
		resp.Responses = append(resp.Responses, protocol.IncrementalAlterConfigsResponseAlterConfigsResourceResponse{
			ErrorCode: r.code, ErrorMessage: r.text, ResourceType: r.resource.Type, ResourceName: r.resource.Name,
		})
	}
	return resp
}

func (c *Controller) alter(ctx context.Context, changes []resourceChange, validateOnly bool) []resourceResult {
	results, err := ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, []resourceResult) {
		records, results := alterConfigs(img, changes, c.Broker(img))
		if validateOnly {
			records = nil
		}
		return records, results
	})
	if err == nil {
		return results
	}
	for i := range changes {
		code, text := codeAndText(err)
		results = append(results, resourceResult{changes[i].resource, code, text})
	}
	return results
}

// alterConfigs decides on a request, resource by resource. One that is named
// twice is refused.
func alterConfigs(img *metadata.Image, changes []resourceChange, broker *config.Broker) ([]metadata.Record, []resourceResult) {
	times := make(map[metadata.Resource]int)
	for i := range changes {
		times[changes[i].resource]++
	}
	var records []metadata.Record
	var results []resourceResult
	for i := range changes {
		ch := &changes[i]
		n := times[ch.resource]
		if n == 0 { // answered as a duplicate
			continue
		}
		rs, err := alterResource(img, ch, broker)
		if n > 1 {
			times[ch.resource] = 0
			rs, err = nil, refuse(protocol.ErrInvalidRequest, "Each resource must appear at most once.")
		}
		records = append(records, rs...)
		code, text := codeAndText(err)
		results = append(results, resourceResult{ch.resource, code, text})
	}
	return records, results
}

// alterResource makes the records that turn a resource's configs into what they
// are to be.
func alterResource(img *metadata.Image, ch *resourceChange, broker *config.Broker) ([]metadata.Record, error) {
	kind, err := findResource(img, ch.resource)
	if err != nil {
		return nil, err
	}
	before := img.Config(ch.resource)
	after := make(map[string]string)
	if !ch.replace {
		maps.Copy(after, before)
	}
	seen := make(map[string]bool)
	for _, op := range ch.ops {
		if seen[op.name] {
			return nil, refuse(protocol.ErrInvalidRequest, "Error due to duplicate config keys")
		}
		seen[op.name] = true
		if err := kind.apply(after, op, before, broker); err != nil {
			return nil, err
		}
	}
	if err := kind.check(after, seen); err != nil {
		return nil, err
	}
	return configRecords(ch.resource, before, after), nil
}

func configRecords(r metadata.Resource, before, after map[string]string) []metadata.Record {
	var records []metadata.Record
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if value := after[name]; before[name] != value || !has(before, name) {
			records = append(records, &protocol.ConfigRecord{ResourceType: r.Type, ResourceName: r.Name, Name: name, Value: &value})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if !has(after, name) {
			records = append(records, &protocol.ConfigRecord{ResourceType: r.Type, ResourceName: r.Name, Name: name})
		}
	}
	return records
}

func has(m map[string]string, name string) bool {
	_, ok := m[name]
	return ok
}

// resourceKind is how configs of one kind of resource are checked.
type resourceKind struct {
	keys    *config.Set // nil for loggers, which have no fixed keys
	unknown string      // begins the error for a name that isn't a key
	inherit func(own map[string]string, broker *config.Broker) config.Lookup
	dynamic func(k *config.Key) error // what may not be changed at run time
}

// findResource checks that the resource exists, or could, and returns its kind.
func findResource(img *metadata.Image, r metadata.Resource) (*resourceKind, error) {
	inherited := func(own map[string]string, broker *config.Broker) config.Lookup {
		return config.Inherited{Own: own, Broker: broker}
	}
	switch r.Type {
	case metadata.TopicResource:
		if metadata.CheckTopicName(r.Name) != nil {
			return nil, protocol.ErrInvalidTopicException
		}
		if img.Topic(r.Name) == nil {
			return nil, refuse(protocol.ErrUnknownTopicOrPartition, fmt.Sprintf("The topic '%s' does not exist.", r.Name))
		}
		return &resourceKind{keys: config.Topics, unknown: "Unknown topic config name: ", inherit: inherited}, nil
	case metadata.BrokerResource:
		if r.Name == "" {
			return &resourceKind{keys: config.Brokers, inherit: ofBroker, dynamic: clusterWide}, nil
		}
		return &resourceKind{keys: config.Brokers, inherit: ofBroker, dynamic: perBroker}, isBroker(img, r.Name)
	case metadata.BrokerLoggerResource:
		return &resourceKind{}, isBroker(img, r.Name)
	case metadata.ClientMetricsResource:
		if r.Name == "" {
			return nil, refuse(protocol.ErrInvalidRequest, "Subscription name can't be empty")
		}
		return &resourceKind{keys: config.Clients, unknown: "Unknown client metrics configuration: ", inherit: inherited}, nil
	case metadata.GroupResource:
		if r.Name == "" {
			return nil, refuse(protocol.ErrInvalidRequest, "Default group resources are not allowed.")
		}
		return &resourceKind{keys: config.Groups, unknown: "Unknown group config name: ", inherit: inherited}, nil
	}
	return nil, refuse(protocol.ErrInvalidRequest, "Unsupported resource type "+strconv.Itoa(int(r.Type)))
}

func ofBroker(_ map[string]string, broker *config.Broker) config.Lookup { return broker }

func isBroker(img *metadata.Image, name string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return refuse(protocol.ErrInvalidRequest, "Invalid broker name "+name)
	}
	if img.Broker(metadata.BrokerID(id)) == nil {
		return refuse(protocol.ErrInvalidRequest, fmt.Sprintf("No broker with id %d found.", id))
	}
	return nil
}

func clusterWide(k *config.Key) error {
	if k.Mode != config.ClusterWide {
		return refuse(protocol.ErrInvalidRequest, "Cannot update these configs dynamically: ["+k.Name+"]")
	}
	return nil
}

func perBroker(k *config.Key) error {
	if k.Mode == config.ReadOnly {
		return refuse(protocol.ErrInvalidRequest, "Cannot update these configs dynamically: ["+k.Name+"]")
	}
	return nil
}

// apply does one operation on the values that are to be.
func (k *resourceKind) apply(after map[string]string, op configOp, before map[string]string, broker *config.Broker) error {
	switch op.op {
	case setConfig:
		if op.value == nil {
			return refuse(protocol.ErrInvalidRequest, "Null value not supported for : "+op.name)
		}
		after[op.name] = *op.value
	case deleteConfig:
		delete(after, op.name)
	case appendConfig, subtractConfig:
		return k.applyToList(after, op, before, broker)
	default:
		return refuse(protocol.ErrInvalidRequest, "Unknown operation type id "+strconv.Itoa(int(op.op)))
	}
	return nil
}

// applyToList adds elements to a list, or takes them out of it. What isn't set
// on the resource begins with the value in force.
func (k *resourceKind) applyToList(after map[string]string, op configOp, before map[string]string, broker *config.Broker) error {
	key := k.key(op.name)
	if key == nil || key.Type != config.TypeList {
		return refuse(protocol.ErrInvalidConfig, "Can't APPEND or SUBTRACT: "+op.name+" is not of type LIST")
	}
	if op.value == nil {
		return refuse(protocol.ErrInvalidRequest, "Null value not supported for : "+op.name)
	}
	list := config.List{Key: key}.In(k.inherit(before, broker))
	for _, e := range strings.Split(*op.value, ",") {
		e = strings.TrimSpace(e)
		at := slices.Index(list, e)
		switch {
		case op.op == appendConfig && at < 0:
			list = append(list, e)
		case op.op == subtractConfig && at >= 0:
			list = slices.Delete(slices.Clone(list), at, at+1)
		}
	}
	after[op.name] = strings.Join(list, ",")
	return nil
}

func (k *resourceKind) key(name string) *config.Key {
	if k.keys == nil {
		return nil
	}
	return k.keys.Get(name)
}

// check looks at the values that are to be; seen are the names that the request
// gives, the others were checked when they were set.
func (k *resourceKind) check(after map[string]string, seen map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if k.keys == nil {
			if err := checkLogger(name, after[name]); err != nil {
				return err
			}
			continue
		}
		key := k.keys.Get(name)
		switch {
		case !seen[name]:
			continue
		case key == nil && k.unknown != "":
			return refuse(protocol.ErrInvalidConfig, k.unknown+name)
		case key == nil: // Kafka keeps a broker config it doesn't know, for plug-ins
			continue
		}
		if k.dynamic != nil {
			if err := k.dynamic(key); err != nil {
				return err
			}
		}
		if err := key.Check(after[name]); err != nil {
			return refuse(protocol.ErrInvalidConfig, err.Error())
		}
	}
	return nil
}

// LogLevels are the levels of Kafka's loggers, from the quietest.
var LogLevels = []string{"FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"}

func checkLogger(name, level string) error {
	if name != RootLogger {
		return refuse(protocol.ErrInvalidConfig, "Logger "+name+" does not exist!")
	}
	if !slices.Contains(LogLevels, strings.ToUpper(level)) {
		return refuse(protocol.ErrInvalidConfig, fmt.Sprintf("Cannot set the log level of %s to %s as it is not a supported log level. Valid log levels are %s",
			name, level, strings.Join(LogLevels, ",")))
	}
	return nil
}

// RootLogger is the name of the one logger there is, which is Kafka's name for
// the one all others follow.
const RootLogger = "root"
