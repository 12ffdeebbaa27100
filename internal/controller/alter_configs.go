package controller

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
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
	resp := &protocol.AlterConfigsResponse{Responses: []protocol.AlterConfigsResponseAlterConfigsResourceResponse{}}
	for _, r := range c.alter(ctx, replacements(m), m.ValidateOnly) {
		resp.Responses = append(resp.Responses, protocol.AlterConfigsResponseAlterConfigsResourceResponse{
			ErrorCode: r.code, ErrorMessage: r.text, ResourceType: r.resource.Type, ResourceName: r.resource.Name,
		})
	}
	return resp
}

func replacements(m *protocol.AlterConfigsRequest) []resourceChange {
	changes := make([]resourceChange, 0, len(m.Resources))
	for i := range m.Resources {
		r := &m.Resources[i]
		ch := resourceChange{resource: metadata.Resource{Type: r.ResourceType, Name: r.ResourceName}, replace: true}
		for j := range r.Configs {
			ch.ops = append(ch.ops, configOp{r.Configs[j].Name, setConfig, r.Configs[j].Value})
		}
		changes = append(changes, ch)
	}
	return changes
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
// twice is refused both times.
func alterConfigs(img *metadata.Image, changes []resourceChange, broker *config.Broker) ([]metadata.Record, []resourceResult) {
	times := make(map[metadata.Resource]int)
	for i := range changes {
		times[changes[i].resource]++
	}
	var records []metadata.Record
	results := make([]resourceResult, 0, len(changes))
	for i := range changes {
		ch := &changes[i]
		rs, err := alterResource(img, ch, broker)
		if times[ch.resource] > 1 {
			rs, err = nil, protocol.Refuse(protocol.ErrInvalidRequest, "Each resource must appear at most once.")
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
	if err := checkOps(ch.ops); err != nil {
		return nil, err
	}
	kind, err := findResource(img, ch)
	if err != nil {
		return nil, err
	}
	before := img.Config(ch.resource)
	after := make(map[string]string)
	if !ch.replace {
		maps.Copy(after, before)
	}
	for _, op := range ch.ops {
		if err := kind.apply(after, op, before, broker); err != nil {
			return nil, err
		}
	}
	if err := kind.check(after, ch, broker); err != nil {
		return nil, refuseConfig(err)
	}
	if kind.exists != nil {
		if err := kind.exists(img, ch.resource.Name); err != nil {
			return nil, err
		}
	}
	return configRecords(ch.resource, before, after), nil
}

// checkOps refuses what makes no sense whatever the resource is.
func checkOps(ops []configOp) error {
	var nulls []string
	seen := make(map[string]bool)
	duplicates := false
	for _, op := range ops {
		if op.value == nil && op.op != deleteConfig {
			nulls = append(nulls, op.name)
		}
		duplicates = duplicates || seen[op.name]
		seen[op.name] = true
	}
	switch {
	case len(nulls) > 0:
		return protocol.Refuse(protocol.ErrInvalidRequest, "Null value not supported for : "+strings.Join(nulls, ","))
	case duplicates:
		return protocol.Refuse(protocol.ErrInvalidRequest, "Error due to duplicate config keys")
	}
	return nil
}

// refuseConfig gives an error of package config its code.
func refuseConfig(err error) error {
	var e *config.Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Request:
		return protocol.Refuse(protocol.ErrInvalidRequest, e.Error())
	}
	return protocol.Refuse(protocol.ErrInvalidConfig, e.Error())
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
