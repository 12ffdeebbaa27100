package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CheckTopic tells what is wrong with the values that are to be a topic's own,
// under a broker's configuration; nil if nothing is.
func CheckTopic(own map[string]string, broker Lookup) error {
	if err := checkAll(Topics, own, "topic"); err != nil {
		return err
	}
	l := Inherited{Own: own, Broker: broker}
	if low, high := MinCompactionLagMs.number(l), MaxCompactionLagMs.number(l); low > high {
		return &Error{
			Key:  MinCompactionLagMs.Name,
			Text: fmt.Sprintf("conflict topic config setting %s (%d) > %s (%d)", MinCompactionLagMs.Name, low, MaxCompactionLagMs.Name, high),
		}
	}
	if RemoteStorageEnable.In(l) {
		return &Error{
			Key:  RemoteStorageEnable.Name,
			Text: "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
		}
	}
	return nil
}

// checkAll checks each value by its own key, in the order of the names.
func checkAll(s *Set, values map[string]string, kind string) error {
	names := slices.Sorted(maps.Keys(values))
	for _, name := range names {
		if s.Get(name) == nil {
			return &Error{Key: name, Text: "Unknown " + kind + " config name: " + name}
		}
	}
	for _, name := range names {
		if err := s.Get(name).Check(values[name]); err != nil {
			return err
		}
	}
	return nil
}

// perListener are the keys that Kafka changes for single listeners only, by
// listener.name.NAME and the key.
var perListener = []string{
	"ssl.key.password", "ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.keystore.location", "ssl.keystore.password",
	"ssl.keystore.type", "ssl.truststore.certificates", "ssl.truststore.location", "ssl.truststore.password", "ssl.truststore.type",
}

// CheckBroker tells what is wrong with values that are to be set on a broker, or
// as the default of all of them, while they run. Keys that are not known are
// taken, as Kafka does, and are never shown.
func CheckBroker(values map[string]string, perBroker bool) error {
	var readOnly, security, brokers []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch k := Brokers.Get(name); {
		case strings.HasPrefix(name, "listener.name."):
			brokers = append(brokers, name)
		case k == nil:
		case k.Mode == ReadOnly:
			readOnly = append(readOnly, name)
		case slices.Contains(perListener, name):
			security = append(security, name)
		case k.Mode == PerBroker:
			brokers = append(brokers, name)
		}
	}
	switch {
	case len(readOnly) > 0:
		return requestError("Cannot update these configs dynamically: ", readOnly)
	case len(security) > 0:
		return requestError("These security configs can be dynamically updated only per-listener using the listener prefix: ", security)
	case len(brokers) > 0 && !perBroker:
		return requestError("Cannot update these configs at default cluster level, broker id must be specified: ", brokers)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if k := Brokers.Get(name); k != nil {
			if err := k.Check(values[name]); err != nil {
				err.(*Error).Request = true
				return err
			}
		}
	}
	return nil
}

func requestError(text string, names []string) error {
	return &Error{Key: names[0], Text: text + "[" + strings.Join(names, ", ") + "]", Request: true}
}

// CheckClientMetrics tells what is wrong with the values of a client metrics
// subscription.
func CheckClientMetrics(own map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(own)) {
		k := Clients.Get(name)
		if k == nil {
			return &Error{Key: name, Text: "Unknown client metrics configuration: " + name, Request: true}
		}
		if err := k.Check(own[name]); err != nil {
			return err
		}
	}
	if ms := ClientIntervalMs.number(Map(own)); ms < 100 || ms > 3_600_000 {
		return &Error{
			Key: ClientIntervalMs.Name, Request: true,
			Text: fmt.Sprintf("Invalid value %d for interval.ms, interval must be between 100 and 3600000 (1 hour)", ms),
		}
	}
	_, err := ClientPatterns(own)
	return err
}

// clientAttributes are what a subscription can select clients by.
var clientAttributes = []string{
	"client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address", "client_source_port",
}

// ClientPatterns are the patterns of a subscription's match, by attribute. Each
// matches a whole value.
func ClientPatterns(own map[string]string) (map[string]*Pattern, error) {
	patterns := make(map[string]*Pattern)
	for _, pair := range ClientMatch.In(Map(own)) {
		name, pattern, _ := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		p, err := CompilePattern(strings.TrimSpace(pattern))
		if err != nil || strings.Count(pair, "=") != 1 || !slices.Contains(clientAttributes, name) {
			return nil, &Error{Key: ClientMatch.Name, Value: pair, Text: "Illegal client matching pattern: " + pair}
		}
		patterns[name] = p
	}
	return patterns, nil
}
