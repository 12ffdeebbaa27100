package config

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Endpoint is an address with the name of its listener.
type Endpoint struct {
	Name string // in upper case
	Host string // empty: all interfaces, or, where advertised, the host's own name
	Port int    // 0: any that is free
}

// Addr is the endpoint as the net package wants it.
func (e Endpoint) Addr() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

// Endpoints are the addresses of a broker.
type Endpoints struct {
	Listen []Endpoint
	// Advertised are the addresses that clients are told, of the same names as
	// Listen and in that order. Where advertised.listeners doesn't say, one is
	// what the listener is, and its port may be 0 for "the one that was bound".
	Advertised []Endpoint
	// InterBroker is the name of the listener that brokers use.
	InterBroker string
}

// plaintext is the only security protocol of this version.
const plaintext = "PLAINTEXT"

var endpointForm = regexp.MustCompile(`^([^/]*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// ParseEndpoints reads listeners, advertised.listeners,
// listener.security.protocol.map and inter.broker.listener.name by Kafka's
// rules. The listeners of a KRaft controller (controller.listener.names) are
// left out.
func ParseEndpoints(l Lookup) (*Endpoints, error) {
	listen, err := endpoints(l, Listeners)
	if err != nil {
		return nil, err
	}
	if len(listen) == 0 {
		return nil, &Error{Key: Listeners.Name, Value: strings.Join(Listeners.In(l), ","), Reason: "There must be a listener for clients"}
	}
	if err := distinct(listen); err != nil {
		return nil, err
	}
	if err := checkProtocols(l, listen); err != nil {
		return nil, err
	}
	advertised, err := advertisedEndpoints(l, listen)
	if err != nil {
		return nil, err
	}
	inter, err := interBroker(l, listen)
	if err != nil {
		return nil, err
	}
	return &Endpoints{Listen: listen, Advertised: advertised, InterBroker: inter}, nil
}

// endpoints reads a list of addresses, those of a KRaft controller left out.
func endpoints(l Lookup, key List) ([]Endpoint, error) {
	controllers := splitList(strings.ToUpper(Brokers.Get("controller.listener.names").raw(l)))
	var out []Endpoint
	for _, s := range key.In(l) {
		m := endpointForm.FindStringSubmatch(s)
		if m == nil || m[1] == "" {
			return nil, &Error{Key: key.Name, Value: s, Reason: "Want NAME://host:port"}
		}
		port, err := strconv.Atoi(m[3])
		if err != nil || port < 0 || port > 65535 {
			return nil, &Error{Key: key.Name, Value: s, Reason: "The port must be between 0 and 65535"}
		}
		if e := (Endpoint{Name: strings.ToUpper(m[1]), Host: m[2], Port: port}); !slices.Contains(controllers, e.Name) {
			out = append(out, e)
		}
	}
	return out, nil
}

// distinct refuses listeners of one name, and of one port unless one is an IPv4
// and the other an IPv6 address.
func distinct(listen []Endpoint) error {
	for i, e := range listen {
		for _, o := range listen[:i] {
			if o.Name == e.Name {
				return &Error{Key: Listeners.Name, Value: e.Name, Reason: "Each listener must have a different name"}
			}
			if o.Port == e.Port && e.Port != 0 && !otherFamily(o.Host, e.Host) {
				return &Error{
					Key: Listeners.Name, Value: e.Name + "://" + e.Addr(),
					Reason: "Each listener must have a different port unless exactly one listener has an IPv4 address and the other IPv6 address",
				}
			}
		}
	}
	return nil
}

func otherFamily(a, b string) bool {
	x, y := net.ParseIP(a), net.ParseIP(b)
	return x != nil && y != nil && (x.To4() == nil) != (y.To4() == nil)
}

// checkProtocols refuses listeners of a security protocol that isn't there.
func checkProtocols(l Lookup, listen []Endpoint) error {
	protocols := make(map[string]string)
	for _, pair := range splitList(ListenerSecurityProtocolMap.In(l)) {
		name, protocol, ok := strings.Cut(pair, ":")
		if !ok {
			return &Error{Key: ListenerSecurityProtocolMap.Name, Value: pair, Reason: "Want NAME:PROTOCOL"}
		}
		protocols[strings.ToUpper(strings.TrimSpace(name))] = strings.ToUpper(strings.TrimSpace(protocol))
	}
	for _, e := range listen {
		switch p := protocols[e.Name]; p {
		case plaintext:
		case "":
			return &Error{Key: ListenerSecurityProtocolMap.Name, Value: ListenerSecurityProtocolMap.In(l), Reason: "No security protocol defined for listener " + e.Name}
		case "SSL", "SASL_PLAINTEXT", "SASL_SSL":
			return &Error{
				Key: Listeners.Name, Value: e.Name + "://" + e.Addr(),
				Reason: fmt.Sprintf("Its security protocol is %s, and this version has neither TLS nor SASL: it serves %s only", p, plaintext),
			}
		default:
			return &Error{Key: ListenerSecurityProtocolMap.Name, Value: p, Reason: "No such security protocol"}
		}
	}
	return nil
}

func advertisedEndpoints(l Lookup, listen []Endpoint) ([]Endpoint, error) {
	given, err := endpoints(l, AdvertisedListeners)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(listen)
	for i := range out {
		if h := out[i].Host; h == "0.0.0.0" || h == "::" {
			out[i].Host = ""
		}
	}
	for i, a := range given {
		at := slices.IndexFunc(out, func(e Endpoint) bool { return e.Name == a.Name })
		switch {
		case at < 0:
			return nil, &Error{Key: AdvertisedListeners.Name, Value: a.Name + "://" + a.Addr(), Reason: "There is no listener of that name"}
		case slices.ContainsFunc(given[:i], func(e Endpoint) bool { return e.Name == a.Name }):
			return nil, &Error{Key: AdvertisedListeners.Name, Value: a.Name, Reason: "Each listener must have a different name"}
		case a.Host == "0.0.0.0" || a.Host == "::":
			return nil, &Error{Key: AdvertisedListeners.Name, Value: a.Name + "://" + a.Addr(), Reason: "Cannot use a nonroutable meta-address. Use a routable IP address"}
		}
		out[at] = a
	}
	return out, nil
}

// interBroker is the listener of inter.broker.listener.name; else the one named
// PLAINTEXT; else the first.
func interBroker(l Lookup, listen []Endpoint) (string, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(listen, func(e Endpoint) bool { return e.Name == name })
	}
	if InterBrokerListenerName.IsSet(l) {
		name := strings.ToUpper(InterBrokerListenerName.In(l))
		if !has(name) {
			return "", &Error{Key: InterBrokerListenerName.Name, Value: name, Reason: "There is no listener of that name"}
		}
		return name, nil
	}
	if has(plaintext) {
		return plaintext, nil
	}
	return listen[0].Name, nil
}
