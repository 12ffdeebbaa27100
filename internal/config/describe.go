package config

import (
	"maps"
	"slices"
	"strings"
)

// Source is where a value in force comes from, as DescribeConfigs numbers it.
type Source int8

// Kafka's sources.
const (
	SourceUnknown Source = iota
	SourceTopic
	SourceDynamicBroker
	SourceDynamicDefaultBroker
	SourceStaticBroker
	SourceDefault
	SourceBrokerLogger
	SourceClientMetrics
	SourceGroup
)

// Entry is one config as DescribeConfigs reports it.
type Entry struct {
	Key      *Key
	Name     string
	Value    *string // nil for null and for what must not be shown
	Source   Source
	ReadOnly bool
	Synonyms []Value // from the one in force downwards
}

// Value is a value of one layer. Name is the key of that layer, which for a
// topic's config may be a broker's.
type Value struct {
	Name   string
	Value  *string
	Source Source
}

// DescribeTopic reports all configs of a topic that has the given values of its
// own.
func DescribeTopic(own map[string]string, b *Broker) []Entry {
	return describeInherited(Topics, SourceTopic, own, b)
}

// DescribeGroup reports all configs of a group that has the given values of its
// own.
func DescribeGroup(own map[string]string, b *Broker) []Entry {
	return describeInherited(Groups, SourceGroup, own, b)
}

// DescribeClientMetrics reports the configs of a client metrics subscription.
func DescribeClientMetrics(own map[string]string) []Entry {
	return describeInherited(Clients, SourceClientMetrics, own, nil)
}

func describeInherited(s *Set, source Source, own map[string]string, b *Broker) []Entry {
	var entries []Entry
	for k := range s.All() {
		if _, set := own[k.Name]; k.Internal && !set && !(source == SourceGroup && k.setOnBroker(b)) {
			continue
		}
		entries = append(entries, k.inherited(source, own, b))
	}
	return entries
}

// setOnBroker tells whether the broker has a value for the key, under the name it
// goes by there. Kafka hides a group's internal keys otherwise.
func (k *Key) setOnBroker(b *Broker) bool {
	return len(k.Synonyms) > 0 && Brokers.Get(k.Synonyms[0].Name).IsSet(b)
}

// inherited reports a key of a topic or a group. Of the keys it falls back to,
// Kafka reports those of the first, and only if that has a value; so do we.
func (k *Key) inherited(source Source, own map[string]string, b *Broker) Entry {
	e := Entry{Key: k, Name: k.Name, Source: SourceDefault}
	if v, ok := own[k.Name]; ok {
		e.Synonyms = append(e.Synonyms, Value{k.Name, k.shown(k.text(v)), source})
	}
	if len(k.Synonyms) > 0 {
		e.Synonyms = append(e.Synonyms, Brokers.Get(k.Synonyms[0].Name).values(b)...)
	} else if source == SourceGroup {
		e.Synonyms = append(e.Synonyms, Value{k.Name, k.shown(k.Default), SourceDefault})
	}
	e.Value = k.shownIn(Inherited{Own: own, Broker: b})
	if len(e.Synonyms) > 0 {
		e.Source = e.Synonyms[0].Source
		if e.Value == nil { // the key has no default of its own, but its synonym has
			e.Value = e.Synonyms[0].Value
		}
	}
	return e
}

// DescribeBroker reports all configs of a broker.
func DescribeBroker(b *Broker) []Entry {
	var entries []Entry
	for k := range Brokers.All() {
		if !k.Internal || k.IsSet(b) {
			entries = append(entries, k.ofBroker(b))
		}
	}
	for _, l := range b.layers() {
		entries = append(entries, unknownEntries(l)...)
	}
	return entries
}

func (k *Key) ofBroker(b *Broker) Entry {
	e := Entry{Key: k, Name: k.Name, Source: SourceDefault, ReadOnly: k.Mode == ReadOnly, Synonyms: k.values(b)}
	if !k.Null || k.IsSet(b) {
		e.Value = k.shown(k.text(k.raw(b)))
	}
	if len(e.Synonyms) > 0 {
		e.Source = e.Synonyms[0].Source
	}
	return e
}

// values lists the values of a broker key from the one in force down to the
// default, then those of the keys it falls back to; none if its own is null.
func (k *Key) values(b *Broker) []Value {
	if k.Null && !k.IsSet(b) {
		return nil
	}
	list := k.ownValues(b)
	for _, s := range k.Synonyms {
		list = append(list, Brokers.Get(s.Name).ownValues(b)...)
	}
	return list
}

func (k *Key) ownValues(b *Broker) []Value {
	var list []Value
	if b != nil {
		for _, l := range b.layers() {
			if v, ok := l.values[k.Name]; ok {
				list = append(list, Value{k.Name, k.shown(v), l.source})
			}
		}
	}
	if !k.Null {
		list = append(list, Value{k.Name, k.shown(k.Default), SourceDefault})
	}
	return list
}

// shown is a value as it may be reported: a list without what is in it twice.
func (k *Key) shown(v string) *string {
	if k.Sensitive() {
		return nil
	}
	if list := splitList(v); k.Type == TypeList && len(distinctStrings(list)) < len(list) {
		v = strings.Join(distinctStrings(list), ",")
	}
	return &v
}

func (k *Key) shownIn(l Lookup) *string {
	if k.Null && !k.IsSet(l) {
		return nil
	}
	return k.shown(k.text(k.raw(l)))
}

// DescribeClusterDefault reports the dynamic defaults of all brokers: only those
// that are set.
func DescribeClusterDefault(cluster map[string]string) []Entry {
	var entries []Entry
	l := layer{cluster, SourceDynamicDefaultBroker}
	for k := range Brokers.All() {
		if v, ok := cluster[k.Name]; ok {
			value := Value{k.Name, k.shown(v), l.source}
			entries = append(entries, Entry{Key: k, Name: k.Name, Value: value.Value, Source: l.source, Synonyms: []Value{value}})
		}
	}
	return append(entries, unknownEntries(l)...)
}

// unknownEntries reports values of keys that nothing is known of. They might be
// anyone's secrets, so they are not shown.
func unknownEntries(l layer) []Entry {
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(l.values)) {
		if Brokers.Get(name) == nil {
			entries = append(entries, Entry{Name: name, Source: l.source, ReadOnly: true, Synonyms: []Value{{Name: name, Source: l.source}}})
		}
	}
	return entries
}

// Type is the type of the entry's value; TypeUnknown if its key isn't known.
func (e *Entry) Type() Type {
	if e.Key == nil {
		return TypeUnknown
	}
	return e.Key.Type
}

// Sensitive tells whether the entry's value is withheld.
func (e *Entry) Sensitive() bool { return e.Key == nil || e.Key.Sensitive() }

// Doc says what the entry's key is for.
func (e *Entry) Doc() string {
	if e.Key == nil {
		return ""
	}
	if e.Key.Why != "" {
		return e.Key.Doc + " " + e.Key.Why
	}
	return e.Key.Doc
}
