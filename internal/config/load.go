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
		errs = append(errs, err, checkNodeID(values), checkLogDirs(values))
	}
	return notices, errors.Join(errs...)
}

func checkOne(name, value string) (notice string, err error) {
	k := Brokers.Get(name)
	if k == nil {
		return unknownKey(name), nil
	}
	if k.Status == Refused && (value != k.Default || k.Null) {
		return "", fmt.Errorf("%s is set, but this version can't honour it: %s", name, k.Why)
	}
	if err := k.Check(value); err != nil && !(k.Null && value == "") {
		return "", err
	}
	if k.Status == Unsupported || k.Status == NotNeeded {
		return k.Why, nil
	}
	return "", nil
}

// unknownKey is what to say of a key that was never declared.
func unknownKey(name string) string {
	if rest, ok := strings.CutPrefix(name, "listener.name."); ok {
		if _, key, ok := strings.Cut(rest, "."); ok && (Brokers.Get(key) != nil || strings.Contains(key, ".sasl.") || strings.Contains(key, ".ssl.")) {
			return "Configs of single listeners are not in this version."
		}
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
	if id := BrokerID.In(l); NodeID.IsSet(l) && id >= 0 && id != NodeID.In(l) {
		return fmt.Errorf("node.id is %d and broker.id is %d: they name the same thing", NodeID.In(l), id)
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
	for i, d := range dirs {
		if d == "" {
			return errors.New("log.dirs has an empty entry")
		}
		if slices.Contains(dirs[:i], d) {
			return fmt.Errorf("log.dirs names %s twice", d)
		}
	}
	return nil
}
