package protocol

import "strconv"

// Key is an API key: the number by which a request says what it asks for.
type Key int16

// keyInfo is what the schema says about one API. A key that the broker's listener doesn't serve has no name.
type keyInfo struct {
	name        string
	min, max    int16
	flexible    int16 // first flexible version; math.MaxInt16 when there is none
	newRequest  func() Message
	newResponse func() Message
}

func (k Key) info() *keyInfo {
	if k < 0 || int(k) >= len(keys) || keys[k].name == "" {
		return nil
	}
	return &keys[k]
}

// mustInfo is for callers that have checked the key.
func (k Key) mustInfo() *keyInfo {
	i := k.info()
	if i == nil {
		panic("BUG: no schema for API key " + strconv.Itoa(int(k)))
	}
	return i
}

// Keys returns every key that has a schema, in order.
func Keys() []Key {
	var out []Key
	for k := range keys {
		if Key(k).Valid() {
			out = append(out, Key(k))
		}
	}
	return out
}

// Valid reports whether the key has a schema. The other methods, String apart, panic on keys that have none.
func (k Key) Valid() bool { return k.info() != nil }

// String returns Kafka's name of the API.
func (k Key) String() string {
	if i := k.info(); i != nil {
		return i.name
	}
	return "Key(" + strconv.Itoa(int(k)) + ")"
}

// MinVersion is the lowest version that has a schema, which may be above the lowest that is advertised.
func (k Key) MinVersion() int16 { return k.mustInfo().min }

// MaxVersion is the highest version that has a schema.
func (k Key) MaxVersion() int16 { return k.mustInfo().max }

// FlexibleFrom is the first version with compact lengths and tagged fields; math.MaxInt16 when there is none.
func (k Key) FlexibleFrom() int16 { return k.mustInfo().flexible }

// NewRequest returns an empty request with Kafka's defaults.
func (k Key) NewRequest() Message { return k.mustInfo().newRequest() }

// NewResponse returns an empty response with Kafka's defaults.
func (k Key) NewResponse() Message { return k.mustInfo().newResponse() }
