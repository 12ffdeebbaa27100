package controller

import (
	"context"
	"strconv"

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

// IncrementalAlterConfigs changes single configs of resources.
func (c *Controller) IncrementalAlterConfigs(ctx context.Context, m *protocol.IncrementalAlterConfigsRequest) *protocol.IncrementalAlterConfigsResponse {
	resp := &protocol.IncrementalAlterConfigsResponse{Responses: []protocol.IncrementalAlterConfigsResponseAlterConfigsResourceResponse{}}
	for _, r := range c.alter(ctx, increments(m), m.ValidateOnly) {
		resp.Responses = append(resp.Responses, protocol.IncrementalAlterConfigsResponseAlterConfigsResourceResponse{
			ErrorCode: r.code, ErrorMessage: r.text, ResourceType: r.resource.Type, ResourceName: r.resource.Name,
		})
	}
	return resp
}

func increments(m *protocol.IncrementalAlterConfigsRequest) []resourceChange {
	changes := make([]resourceChange, 0, len(m.Resources))
	for i := range m.Resources {
		r := &m.Resources[i]
		ch := resourceChange{resource: metadata.Resource{Type: r.ResourceType, Name: r.ResourceName}}
		for j := range r.Configs {
			ch.ops = append(ch.ops, configOp{r.Configs[j].Name, r.Configs[j].ConfigOperation, r.Configs[j].Value})
		}
		changes = append(changes, ch)
	}
	return changes
}

// apply does one operation on the values that are to be.
func (k *resourceKind) apply(after map[string]string, op configOp, before map[string]string, broker *config.Broker) error {
	switch op.op {
	case setConfig:
		after[op.name] = *op.value
	case deleteConfig:
		delete(after, op.name)
	case appendConfig, subtractConfig:
		return k.applyToList(after, op, before, broker)
	default:
		return protocol.Refuse(protocol.ErrInvalidRequest, "Unknown operation type id "+strconv.Itoa(int(op.op)))
	}
	return nil
}

// applyToList adds elements to a list, or takes them out of it. What isn't set
// on the resource begins with the value in force.
func (k *resourceKind) applyToList(after map[string]string, op configOp, before map[string]string, broker *config.Broker) error {
	var key *config.Key
	if k.keys != nil {
		key = k.keys.Get(op.name)
	}
	if key == nil || key.Type != config.TypeList || !k.lists {
		return k.notAList(op)
	}
	if op.op == appendConfig {
		after[op.name] = key.Append(k.inForce(before, broker), *op.value)
	} else {
		after[op.name] = key.Subtract(k.inForce(before, broker), *op.value)
	}
	return nil
}

// notAList refuses an operation on a list.
func (k *resourceKind) notAList(op configOp) error {
	upper, lower := "APPEND", "append"
	if op.op == subtractConfig {
		upper, lower = "SUBTRACT", "subtract"
	}
	switch k.keys {
	case nil:
		return protocol.Refuse(protocol.ErrInvalidRequest, upper+" operation is not allowed for the BROKER_LOGGER resource")
	case config.Brokers:
		return protocol.Refuse(protocol.ErrInvalidConfig, "Config value "+lower+" is not allowed for config key: "+op.name)
	}
	return protocol.Refuse(protocol.ErrInvalidConfig, "Can't "+upper+" to key "+op.name+" because its type is not LIST.")
}
