// Package config is every configuration key Jocko knows, declared once: its
// name, type, default, bounds, and what happens when it is set.
//
// Its main type is Key; from the declarations come the typed getters that the
// rest of the program reads its settings with, the parsing of server.properties,
// what DescribeConfigs reports, what AlterConfigs accepts, and docs/config.md.
// The invariant: a value that was accepted is valid for its key, and a key that
// was set is either honoured or named with a reason; nothing is ignored in
// silence.
package config

//go:generate go run ./gen ../../docs/config.md

import (
	"iter"
	"slices"
	"strings"
)

// Resource is the kind of thing a config belongs to, as Kafka numbers them on
// the wire.
type Resource int8

// The resources that have configs.
const (
	TopicResource         Resource = 2
	BrokerResource        Resource = 4
	BrokerLoggerResource  Resource = 8
	ClientMetricsResource Resource = 16
	GroupResource         Resource = 32
)

// Importance is how much an operator should care, by Kafka's judgement.
type Importance int8

// From what few ever touch to what everybody should look at.
const (
	Low Importance = iota
	Medium
	High
)

func (i Importance) String() string { return [...]string{"low", "medium", "high"}[i] }

// Mode is how a broker key can be changed while the broker runs.
type Mode int8

// The modes, by the names Kafka's documents use.
const (
	ReadOnly    Mode = iota // in the file, at start
	PerBroker               // for one broker
	ClusterWide             // for one broker, or as the default of all
)

func (m Mode) String() string { return [...]string{"read-only", "per-broker", "cluster-wide"}[m] }

// Status is what Jocko does with a key that is set.
type Status int8

// The statuses. Only Supported keys have an effect.
const (
	Supported   Status = iota
	Unsupported        // its value is kept and shown, has no effect, and is named at start
	NotNeeded          // Jocko has no use for it, and its absence changes nothing for the user
	Refused            // ignoring it would be dangerous or senseless: the broker doesn't start
)

// Key is the declaration of one config.
type Key struct {
	Name       string
	Type       Type
	Default    string
	Null       bool // the default is null, Default is empty
	Rule       Rule // beyond the type
	Importance Importance
	Mode       Mode
	Status     Status
	Why        string // of a Status other than Supported: a sentence
	Doc        string
	Differs    string    // how the default differs from Kafka's, a sentence
	Ours       bool      // Kafka has no such key
	Internal   bool      // Kafka hides it from DescribeConfigs unless it is set
	Synonyms   []Synonym // the keys it falls back to, the first that is set wins
}

// Synonym is a broker key that a key falls back to.
type Synonym struct {
	Name string
	// Factor turns its unit into that of the key: 3,600,000 for hours to
	// milliseconds; 0 means the units are equal.
	Factor int64
}

// Sensitive tells whether the key's value must not be shown to anyone.
func (k *Key) Sensitive() bool { return k.Type == TypePassword }

// Set is the keys of one kind of resource.
type Set struct {
	resource Resource
	keys     map[string]*Key
	sorted   []*Key
}

// The keys of each kind of resource. Broker loggers have no fixed keys.
var (
	Brokers = newSet(BrokerResource)
	Topics  = newSet(TopicResource)
	Groups  = newSet(GroupResource)
	Clients = newSet(ClientMetricsResource)
)

func newSet(r Resource) *Set { return &Set{resource: r, keys: make(map[string]*Key)} }

// Get returns the key of that name, nil if there is none.
func (s *Set) Get(name string) *Key { return s.keys[name] }

// All yields the keys in the order of their names.
func (s *Set) All() iter.Seq[*Key] { return slices.Values(s.sorted) }

// declare adds a key to its set. A declaration that contradicts itself is a bug.
func declare(s *Set, k Key) *Key {
	switch {
	case k.Name == "" || s.keys[k.Name] != nil:
		panic("BUG: config key declared twice or without a name: " + k.Name)
	case (k.Status != Supported) != (k.Why != ""):
		panic("BUG: config key " + k.Name + " needs a reason exactly when it isn't supported")
	}
	if !k.Null {
		if err := k.Check(k.Default); err != nil {
			panic("BUG: the default of a config key is refused: " + err.Error())
		}
	}
	p := &k
	s.keys[k.Name] = p
	at, _ := slices.BinarySearchFunc(s.sorted, k.Name, func(k *Key, name string) int { return strings.Compare(k.Name, name) })
	s.sorted = slices.Insert(s.sorted, at, p)
	return p
}
