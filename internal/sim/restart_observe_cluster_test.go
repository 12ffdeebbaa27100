package sim

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// features are those of the cluster.
func (o *observer) features() error {
	rq := kmsg.NewPtrApiVersionsRequest()
	rq.Version, rq.ClientSoftwareName, rq.ClientSoftwareVersion = 3, "sim", "1"
	rs, err := ask[*kmsg.ApiVersionsResponse](o.s, rq)
	if err != nil {
		return err
	}
	for _, f := range rs.FinalizedFeatures {
		o.d.extra["feature "+f.Name] = fmt.Sprint(f.MinVersionLevel, f.MaxVersionLevel)
	}
	return nil
}

// configs are those that somebody set.
func (o *observer) configs() error {
	list := kmsg.NewPtrListConfigResourcesRequest()
	list.Version = 1
	listed, err := ask[*kmsg.ListConfigResourcesResponse](o.s, list)
	if err != nil {
		return fmt.Errorf("list config resources: %w", err)
	}
	rq := kmsg.NewPtrDescribeConfigsRequest()
	rq.Version = 4
	for _, r := range append(listed.ConfigResources, kmsg.ListConfigResourcesResponseConfigResource{Type: int8(kmsg.ConfigResourceTypeBroker)}) {
		if kind := kmsg.ConfigResourceType(r.Type); kind != kmsg.ConfigResourceTypeBrokerLogger && !strings.HasPrefix(r.Name, "__") {
			d := kmsg.NewDescribeConfigsRequestResource()
			d.ResourceType, d.ResourceName = kind, r.Name
			rq.Resources = append(rq.Resources, d)
		}
	}
	rs, err := ask[*kmsg.DescribeConfigsResponse](o.s, rq)
	if err != nil {
		return fmt.Errorf("describe configs: %w", err)
	}
	for _, r := range rs.Resources {
		set := map[string]string{}
		for _, c := range r.Configs {
			if own := ownSource(r.ResourceType, r.ResourceName); c.Source == own && c.Value != nil && !setByItself(own, c.Name) {
				set[c.Name] = *c.Value
			}
		}
		if name := resourceNames[r.ResourceType] + " " + r.ResourceName; len(set) > 0 || r.ResourceType == kmsg.ConfigResourceTypeTopic {
			o.d.lines["config "+name] = settings(set)
		}
	}
	return nil
}

var resourceNames = map[kmsg.ConfigResourceType]string{
	kmsg.ConfigResourceTypeTopic: "topic", kmsg.ConfigResourceTypeBroker: "broker", kmsg.ConfigResourceTypeGroupConfig: "group",
	kmsg.ConfigResourceTypeClientMetrics: "metrics",
}

// setByItself says whether Kafka sets a config where nobody did: a cluster with eligible leader replicas needs it.
func setByItself(source kmsg.ConfigSource, name string) bool {
	return source == kmsg.ConfigSourceDynamicDefaultBrokerConfig && name == "min.insync.replicas"
}

// ownSource is what a value's source is when it was set on that resource.
func ownSource(kind kmsg.ConfigResourceType, name string) kmsg.ConfigSource {
	switch {
	case kind == kmsg.ConfigResourceTypeTopic:
		return kmsg.ConfigSourceDynamicTopicConfig
	case kind == kmsg.ConfigResourceTypeBroker && name == "":
		return kmsg.ConfigSourceDynamicDefaultBrokerConfig
	case kind == kmsg.ConfigResourceTypeBroker:
		return kmsg.ConfigSourceDynamicBrokerConfig
	case kind == kmsg.ConfigResourceTypeGroupConfig:
		return kmsg.ConfigSourceGroupConfig
	default:
		return kmsg.ConfigSourceClientMetricsConfig
	}
}
