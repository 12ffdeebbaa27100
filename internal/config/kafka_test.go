package config

import (
	"os"
	"strings"
	"testing"
)

// ourModes are keys that Kafka lets change while a broker runs and we don't: a
// listener is bound once.
var ourModes = map[string]bool{"listeners": true, "listener.security.protocol.map": true}

// TestKeysAreKafkas compares the declarations with those of Apache Kafka 4.4.0:
// none is missing, none is added but by us, and types, defaults, bounds,
// importance and modes are the same but where the declaration says otherwise.
func TestKeysAreKafkas(t *testing.T) {
	file, err := os.ReadFile("testdata/kafka.tsv")
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]*Set{"broker": Brokers, "topic": Topics, "group": Groups, "client": Clients}
	seen := make(map[*Key]bool)
	for _, line := range strings.Split(strings.TrimSpace(string(file)), "\n")[1:] {
		f := strings.Split(line, "\t")
		kind, name, typ, def, valid, importance, internal, mode := f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]
		k := sets[kind].Get(name)
		if k == nil {
			t.Errorf("%s key %s is missing", kind, name)
			continue
		}
		seen[k] = true
		if k.Type.String() != typ || strings.ToUpper(k.Importance.String()) != importance || k.Internal != (internal == "internal") {
			t.Errorf("%s: %v, %v, internal %v; Kafka: %s, %s, %s", name, k.Type, k.Importance, k.Internal, typ, importance, internal)
		}
		if k.Differs == "" && k.kafkaDefault() != def && !(k.Null && def == "<none>") {
			t.Errorf("%s: default %s, Kafka's is %s", name, k.kafkaDefault(), def)
		}
		if kind == "broker" && k.Mode.String() != mode && !ourModes[name] {
			t.Errorf("%s: %v, in Kafka %s", name, k.Mode, mode)
		}
		if low, ok := strings.CutSuffix(strings.TrimPrefix(valid, "["), ",...]"); ok && k.Valid() != "at least "+low {
			t.Errorf("%s: %s, in Kafka %s", name, k.Valid(), valid)
		}
	}
	for _, s := range sets {
		for k := range s.All() {
			if !seen[k] && !k.Ours {
				t.Errorf("%s: Kafka has no such key", k.Name)
			}
		}
	}
}

func (k *Key) kafkaDefault() string {
	if k.Null {
		return "null"
	}
	return k.Default
}

func TestEveryKeyIsDocumented(t *testing.T) {
	for _, s := range []*Set{Brokers, Topics, Groups, Clients} {
		for k := range s.All() {
			if !strings.HasSuffix(k.Doc, ".") || k.Why != "" && !strings.HasSuffix(k.Why, ".") {
				t.Errorf("%s: %q %q", k.Name, k.Doc, k.Why)
			}
		}
	}
}
