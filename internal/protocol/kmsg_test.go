package protocol_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/internal/protocol"
)

// kmsgBody is what kmsg's requests and responses share.
type kmsgBody interface {
	SetVersion(int16)
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
}

func kmsgFor(k protocol.Key, response bool) kmsgBody {
	if response {
		return kmsg.ResponseForKey(int16(k))
	}
	return kmsg.RequestForKey(int16(k))
}

func ourFor(k protocol.Key, response bool) protocol.Message {
	if response {
		return k.NewResponse()
	}
	return k.NewRequest()
}

// eachMessage runs a test for every key, version and direction.
func eachMessage(t *testing.T, test func(t *testing.T, k protocol.Key, version int16, response bool)) {
	for _, k := range protocol.Keys() {
		t.Run(k.String(), func(t *testing.T) {
			for version := k.MinVersion(); version <= k.MaxVersion(); version++ {
				test(t, k, version, false)
				test(t, k, version, true)
			}
		})
	}
}

const perMessage = 40

func TestOursIsKmsgs(t *testing.T) {
	eachMessage(t, func(t *testing.T, k protocol.Key, version int16, response bool) {
		for seed := range uint64(perMessage) {
			m := ourFor(k, response)
			newFiller(seed).fill(reflect.ValueOf(m).Elem())
			ours := encode(m, version)
			o := kmsgFor(k, response)
			o.SetVersion(version)
			if err := o.ReadFrom(ours); err != nil {
				t.Fatalf("v%d response=%t seed %d: kmsg: %v\n%x\n%+v", version, response, seed, err, ours, m)
			}
			if theirs := o.AppendTo(nil); !bytes.Equal(ours, theirs) {
				t.Fatalf("v%d response=%t seed %d:\nours   %x\ntheirs %x\n%+v", version, response, seed, ours, theirs, m)
			}
		}
	})
}

// writesLaterTags lists the versions in which kmsg, unlike Kafka, writes tagged fields of later versions.
func writesLaterTags(k protocol.Key, version int16, response bool) bool {
	switch {
	case k == protocol.Produce && response:
		return version == 9
	case k == protocol.Fetch && response:
		return version >= 12 && version < 16
	case k == protocol.Fetch:
		return version >= 12 && version < 18
	}
	return false
}

func TestKmsgsIsOurs(t *testing.T) {
	eachMessage(t, func(t *testing.T, k protocol.Key, version int16, response bool) {
		if writesLaterTags(k, version, response) {
			return
		}
		reused := ourFor(k, response)
		for seed := range uint64(perMessage) {
			o := kmsgFor(k, response)
			o.SetVersion(version)
			f := newFiller(seed)
			f.fillSlices = true // kmsg writes null records, also where Kafka forbids them
			f.fill(reflect.ValueOf(o).Elem())
			theirs := o.AppendTo(nil)
			for _, m := range []protocol.Message{ourFor(k, response), reused} {
				d := protocol.NewDecoder(theirs)
				if err := m.Decode(d, version); err != nil {
					t.Fatalf("v%d response=%t seed %d: %v\n%x\n%+v", version, response, seed, err, theirs, o)
				}
				if err := d.Finish(); err != nil {
					t.Fatalf("v%d response=%t seed %d: %v", version, response, seed, err)
				}
				if ours := encode(m, version); !bytes.Equal(ours, theirs) {
					t.Fatalf("v%d response=%t seed %d:\nours   %x\ntheirs %x\n%+v", version, response, seed, ours, theirs, o)
				}
			}
		}
	})
}

// TestReuse decodes into a message that holds another one, and into a new one: in no version may they differ after.
func TestReuse(t *testing.T) {
	eachMessage(t, func(t *testing.T, k protocol.Key, version int16, response bool) {
		reused := ourFor(k, response)
		for seed := range uint64(10) {
			m := ourFor(k, response)
			newFiller(seed).fill(reflect.ValueOf(m).Elem())
			in := encode(m, version)
			fresh := ourFor(k, response)
			if err := fresh.Decode(protocol.NewDecoder(in), version); err != nil {
				t.Fatal(err)
			}
			newFiller(seed + 1000).fill(reflect.ValueOf(reused).Elem())
			if err := reused.Decode(protocol.NewDecoder(in), version); err != nil {
				t.Fatal(err)
			}
			for v := k.MinVersion(); v <= k.MaxVersion(); v++ {
				if a, b := encode(fresh, v), encode(reused, v); !bytes.Equal(a, b) {
					t.Fatalf("v%d read, v%d written, seed %d:\nfresh  %x\nreused %x", version, v, seed, a, b)
				}
			}
		}
	})
}
