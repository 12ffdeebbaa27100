package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Input is where a broker's static configuration comes from, the weakest first.
type Input struct {
	File      []byte   // of server.properties' format; nil for none
	FileName  string   // for messages
	Environ   []string // NAME=value; JOCKO_LOG_DIRS is log.dirs
	Overrides []string // key=value, of --override
}

// Notice is a key that was set and has no effect, or none that is known.
type Notice struct {
	Key  string
	From string // what set it
	Text string // why it has no effect
}

// envPrefix begins the names of variables that are configs.
const envPrefix = "JOCKO_"

// Load reads a static configuration: the file, over it the environment, over
// that the overrides. The notices name, in the order of their keys, what was set
// without effect. The error names every key that is refused, with its value and
// what is allowed.
func Load(in Input) (Map, []Notice, error) {
	values, from := make(Map), make(map[string]string)
	set := func(key, value, source string) { values[key], from[key] = value, source }
	file, err := ParseProperties(in.File)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", in.FileName, err)
	}
	if err := checkFile(file, in.FileName); err != nil {
		return nil, nil, err
	}
	for key, value := range file {
		set(key, value, in.FileName)
	}
	for _, v := range in.Environ {
		if name, value, ok := strings.Cut(v, "="); ok && strings.HasPrefix(name, envPrefix) {
			set(envKey(name), value, name)
		}
	}
	for _, o := range in.Overrides {
		key, value, ok := strings.Cut(o, "=")
		if !ok || key == "" {
			return nil, nil, fmt.Errorf("--override %s: want key=value", o)
		}
		if !isKnown(key) {
			return nil, nil, fmt.Errorf("--override %s: %s%s", o, unknownKey(key), didYouMean(key))
		}
		set(key, value, "--override")
	}
	notices, err := checkSettings(values, from)
	return values, notices, err
}

func envKey(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", ".")
}

// checkSettings looks at every value that was set, and at those that must fit together.
func checkSettings(values Map, from map[string]string) ([]Notice, error) {
	var notices []Notice
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		notice, err := checkOne(name, values[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("%w (set by %s)", err, from[name]))
		}
		if notice != "" {
			notices = append(notices, Notice{Key: name, From: from[name], Text: notice})
		}
	}
	if len(errs) == 0 {
		_, err := ParseEndpoints(values)
		errs = append(errs, err, checkNodeID(values), checkLogDirs(values), checkInterBroker(values), checkRelations(values), checkCluster(values))
	}
	return notices, errors.Join(errs...)
}

func checkOne(name, value string) (notice string, err error) {
	if why := refusedNames(name); why != "" {
		return "", fmt.Errorf("%s is set, but this version can't honour it: %s", name, why)
	}
	k := Brokers.Get(name)
	if k == nil {
		return unknownKey(name) + didYouMean(name), nil
	}
	if k.Status == Refused && strings.TrimSpace(value) != k.Default {
		return "", fmt.Errorf("%s is set, but this version can't honour it: %s", name, k.Why)
	}
	if err := k.Check(value); err != nil && !(k.Null && value == "" && !k.Type.isNumber()) {
		return "", err
	}
	if k.Status == Unsupported || k.Status == NotNeeded {
		return k.Why, nil
	}
	return "", nil
}

// isKnown tells whether a key has a meaning, be it that it is refused.
func isKnown(name string) bool {
	return Brokers.Get(name) != nil || refusedNames(name) != "" || strings.HasPrefix(name, "listener.name.")
}

// refusedNames says why a key that Kafka doesn't declare for brokers is refused, "" where it isn't.
func refusedNames(name string) string {
	switch {
	case name == "super.users", name == "allow.everyone.if.no.acl.found":
		return "There is no authorizer in this version, and without it every client may do everything."
	case strings.HasPrefix(name, "listener.name.") && (strings.Contains(name, ".sasl.") || strings.Contains(name, ".ssl.") ||
		strings.HasSuffix(name, ".principal.builder.class")):
		return noSecurity
	case name == "zookeeper.connect":
		return "It names a cluster of Apache Kafka's, which isn't joined. See docs/migrating.md."
	}
	return ""
}

// checkFile refuses a file in which no key is known: it is the configuration of something else.
func checkFile(file Map, name string) error {
	for key := range file {
		if isKnown(key) {
			return nil
		}
	}
	if len(file) == 0 {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(file)))
	return fmt.Errorf("%s: none of its %d keys is a broker's, such as %s%s", name, len(file), first, didYouMean(first))
}

// didYouMean names the known key that is nearest to one that isn't.
func didYouMean(name string) string {
	best, least := "", len(name)/4+2
	for k := range Brokers.All() {
		if d := distance(name, k.Name); d < least {
			best, least = k.Name, d
		}
	}
	if best == "" {
		return ""
	}
	return " Did you mean " + best + "?"
}

// distance is the number of bytes to insert, delete or replace in a to make b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, last+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// unknownKey is what to say of a key that was never declared.
func unknownKey(name string) string {
	if strings.HasPrefix(name, "listener.name.") {
		return "Configs of single listeners are not in this version."
	}
	if Topics.Get(name) != nil {
		return "It is a config of topics; " + brokerWord(Topics.Get(name))
	}
	return "No key of that name is known."
}

func brokerWord(k *Key) string {
	if len(k.Synonyms) == 0 {
		return "no broker key corresponds to it."
	}
	return "the broker's default for it is " + k.Synonyms[0].Name + "."
}

// checkNodeID finds node.id and its older name apart.
func checkNodeID(l Lookup) error {
	if id := BrokerID.In(l); NodeID.IsSet(l) && BrokerID.IsSet(l) && id != NodeID.In(l) {
		return fmt.Errorf("node.id is %d and broker.id is %d: they name the same thing", NodeID.In(l), id)
	}
	return nil
}

// checkInterBroker refuses two ways to say how brokers talk to each other.
func checkInterBroker(l Lookup) error {
	if protocol := Brokers.Get("security.inter.broker.protocol"); InterBrokerListenerName.IsSet(l) && protocol.IsSet(l) {
		return fmt.Errorf("only one of %s and %s can be set", InterBrokerListenerName.Name, protocol.Name)
	}
	return nil
}

// ID is the node's id: node.id, or broker.id where only that is set.
func ID(l Lookup) int32 {
	if id := BrokerID.In(l); !NodeID.IsSet(l) && id >= 0 {
		return int32(id)
	}
	return int32(NodeID.In(l))
}

// Dirs are the log dirs: log.dirs, or log.dir where that isn't set.
func Dirs(l Lookup) []string {
	if dirs := LogDirs.In(l); len(dirs) > 0 {
		return dirs
	}
	return LogDir.In(l)
}

func checkLogDirs(l Lookup) error {
	dirs := Dirs(l)
	if len(dirs) == 0 {
		return errors.New("log.dirs names no directory")
	}
	if slices.Contains(dirs, "") {
		return errors.New("log.dirs has an empty entry")
	}
	return nil
}
