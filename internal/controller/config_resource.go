package controller

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// resourceKind is how configs of one kind of resource are changed.
type resourceKind struct {
	keys  *config.Set // nil for loggers, which have no fixed keys
	lists bool        // elements can be added to lists, and taken out of them
	check func(after map[string]string, ch *resourceChange, broker *config.Broker) error
	// exists is asked last, nil where configs need nothing that they are of, or
	// where findResource has looked.
	exists func(img *metadata.Image, name string) error
}

var (
	topicKind = &resourceKind{
		keys: config.Topics, lists: true,
		check: func(after map[string]string, ch *resourceChange, broker *config.Broker) error {
			if ch.resource.Name == "" {
				return protocol.Refuse(protocol.ErrInvalidRequest, "Default topic resources are not allowed.")
			}
			if err := checkTopicName(ch.resource.Name); err != nil {
				return err
			}
			return config.CheckTopic(after, broker)
		},
		exists: isTopic,
	}
	groupKind = &resourceKind{
		keys: config.Groups,
		check: func(after map[string]string, ch *resourceChange, broker *config.Broker) error {
			if ch.resource.Name == "" {
				return protocol.Refuse(protocol.ErrInvalidRequest, "Default group resources are not allowed.")
			}
			return config.CheckGroup(after, broker)
		},
	}
	clientKind = &resourceKind{
		keys: config.Clients,
		check: func(after map[string]string, ch *resourceChange, _ *config.Broker) error {
			if ch.resource.Name == "" {
				return protocol.Refuse(protocol.ErrInvalidRequest, "Subscription name can't be empty")
			}
			return config.CheckClientMetrics(after)
		},
	}
	loggerKind = &resourceKind{check: checkLoggers}
)

// brokerKind is a broker, or the default of all of them where the name is empty.
func brokerKind(img *metadata.Image, name string) *resourceKind {
	return &resourceKind{
		keys: config.Brokers, lists: true,
		check: func(after map[string]string, ch *resourceChange, _ *config.Broker) error {
			if err := config.CheckBroker(ch.set(after), name != ""); err != nil {
				return err
			}
			return checkMinISR(img, after, ch)
		},
	}
}

// set are the values that the request sets. The others were checked when they
// were set.
func (ch *resourceChange) set(after map[string]string) map[string]string {
	values := make(map[string]string)
	for _, op := range ch.ops {
		if v, ok := after[op.name]; ok {
			values[op.name] = v
		}
	}
	return values
}

// checkMinISR keeps min.insync.replicas the same on all brokers while eligible
// leader replicas are on: they are computed from it.
func checkMinISR(img *metadata.Image, after map[string]string, ch *resourceChange) error {
	key := config.MinInsyncReplicas.Name
	if img.Feature("eligible.leader.replicas.version") == 0 {
		return nil
	}
	for _, op := range ch.ops {
		switch {
		case op.name != key:
		case ch.resource.Name != "":
			return protocol.Refuse(protocol.ErrInvalidConfig, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
		case !has(after, key):
			return protocol.Refuse(protocol.ErrInvalidConfig, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
		}
	}
	return nil
}

// inForce looks keys up under a resource's own values.
func (k *resourceKind) inForce(own map[string]string, broker *config.Broker) config.Lookup {
	if k.keys == config.Brokers {
		return broker.WithDynamic(own, nil)
	}
	return config.Inherited{Own: own, Broker: broker}
}

// findResource returns the kind of a resource, and checks that it exists where
// that comes before its configs.
func findResource(img *metadata.Image, ch *resourceChange) (*resourceKind, error) {
	r := ch.resource
	switch r.Type {
	case metadata.TopicResource:
		return topicKind, nil
	case metadata.BrokerResource:
		if r.Name == "" {
			return brokerKind(img, ""), nil
		}
		return brokerKind(img, r.Name), isBroker(img, r.Name)
	case metadata.BrokerLoggerResource:
		if !ch.replace { // a logger can't be changed as a whole
			return loggerKind, isBroker(img, r.Name)
		}
	case metadata.ClientMetricsResource:
		return clientKind, nil
	case metadata.GroupResource:
		return groupKind, nil
	}
	return nil, protocol.Refuse(protocol.ErrInvalidRequest, "Unknown resource type "+strconv.Itoa(int(r.Type)))
}

func isTopic(img *metadata.Image, name string) error {
	if img.Topic(name) == nil {
		return protocol.Refuse(protocol.ErrUnknownTopicOrPartition, fmt.Sprintf("The topic '%s' does not exist.", name))
	}
	return nil
}

func isBroker(img *metadata.Image, name string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return protocol.Refuse(protocol.ErrInvalidRequest, "Node id must be an integer, but it is: "+name)
	}
	if img.Broker(metadata.BrokerID(id)) == nil {
		return protocol.Refuse(protocol.ErrInvalidRequest, fmt.Sprintf("No broker with id %d is registered.", id))
	}
	return nil
}

// RootLogger is the name of the one logger there is, which is Kafka's name for
// the one all others follow.
const RootLogger = "root"

// LogLevels are the levels of Kafka's loggers.
var LogLevels = []string{"DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"}

func checkLoggers(after map[string]string, ch *resourceChange, _ *config.Broker) error {
	for _, op := range ch.ops {
		switch level := after[op.name]; {
		case op.name != RootLogger:
			return protocol.Refuse(protocol.ErrInvalidConfig, "Logger "+op.name+" does not exist!")
		case op.op == deleteConfig:
			return protocol.Refuse(protocol.ErrInvalidRequest, "Removing the log level of the root logger is not allowed")
		case !slices.Contains(LogLevels, level):
			return protocol.Refuse(protocol.ErrInvalidConfig, fmt.Sprintf("Cannot set the log level of %s to %s as it is not a supported log level. Valid log levels are %s",
				op.name, level, strings.Join(LogLevels, ", ")))
		}
	}
	return nil
}

// checkTopicName is metadata.CheckTopicName, for a client.
func checkTopicName(name string) error {
	if name == "." || name == ".." {
		return protocol.Refuse(protocol.ErrInvalidTopicException, "Topic name is invalid: '"+name+"' is not allowed")
	}
	if err := metadata.CheckTopicName(name); err != nil {
		text := err.Error()
		return protocol.Refuse(protocol.ErrInvalidTopicException, strings.ToUpper(text[:1])+text[1:])
	}
	return nil
}
