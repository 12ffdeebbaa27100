package config

import "strconv"

// Broker is the configuration of one broker: what it was started with, and the
// dynamic configs over that. It never changes; WithDynamic makes the next one.
type Broker struct {
	static    Map
	perBroker Map // dynamic, of this broker
	cluster   Map // dynamic, the default of all brokers
}

// NewBroker returns the configuration of a broker that was started with the
// given values, by their keys' names.
func NewBroker(static Map) *Broker { return &Broker{static: static} }

// WithDynamic returns the configuration under other dynamic values: those of
// the broker itself, and the cluster-wide defaults. Neither map is changed
// afterwards.
func (b *Broker) WithDynamic(perBroker, cluster map[string]string) *Broker {
	return &Broker{static: b.static, perBroker: perBroker, cluster: cluster}
}

// Lookup returns the value of a broker key: dynamic for this broker, dynamic for
// all, or static.
func (b *Broker) Lookup(k *Key) (string, bool) {
	if b == nil {
		return "", false
	}
	for _, layer := range b.layers() {
		if v, ok := layer.values[k.Name]; ok {
			return v, true
		}
	}
	return "", false
}

type layer struct {
	values Map
	source Source
}

func (b *Broker) layers() [3]layer {
	return [3]layer{
		{b.perBroker, SourceDynamicBroker},
		{b.cluster, SourceDynamicDefaultBroker},
		{b.static, SourceStaticBroker},
	}
}

// Inherited is the configuration of a topic or a group: its own values, and
// below them those of the broker keys that its keys are synonyms of.
type Inherited struct {
	Own    map[string]string
	Broker Lookup // nil: no broker value is set
}

// Lookup returns the value of a topic or group key.
func (h Inherited) Lookup(k *Key) (string, bool) {
	if v, ok := h.Own[k.Name]; ok {
		return v, true
	}
	if h.Broker == nil {
		return "", false
	}
	for _, s := range k.Synonyms {
		if v, ok := h.Broker.Lookup(Brokers.Get(s.Name)); ok {
			return s.convert(v), true
		}
	}
	return "", false
}

// convert turns a synonym's value into the unit of the key. -1, which means no
// limit, has no unit.
func (s Synonym) convert(v string) string {
	n, err := strconv.ParseInt(v, 10, 64)
	if s.Factor == 0 || err != nil || n == -1 {
		return v
	}
	return strconv.FormatInt(n*s.Factor, 10)
}
