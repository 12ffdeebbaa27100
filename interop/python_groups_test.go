package interop

import (
	"os/exec"
	"testing"
)

// pythonClients are the Python libraries, each with the ways its members can join.
var pythonClients = []struct {
	name, program string
	groups        map[string]settings
}{
	{"kafka-python", "python/kafka_python.py", map[string]settings{
		"range": {}, "cooperative": {"assignor": "cooperative-sticky"},
	}},
	{"aiokafka", "python/aio_kafka.py", map[string]settings{"roundrobin": {}, "sticky": {"assignor": "sticky"}}},
	{"confluent-kafka", "python/confluent_python.py", map[string]settings{
		"range": {}, "cooperative": {"assignor": "cooperative-sticky"}, "consumer": {"protocol": "consumer"},
	}},
}

func TestPythonGroups(t *testing.T) {
	t.Parallel()
	for _, c := range pythonClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := processGroups{startProcess(t, exec.Command(python(t), c.program))}
			for name, s := range c.groups {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					share(t, p, s)
				})
			}
		})
	}
}

func TestPythonTransactions(t *testing.T) {
	t.Parallel()
	for _, c := range pythonClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			exactlyOnce(t, processTransactions{startProcess(t, exec.Command(python(t), c.program))})
		})
	}
}
