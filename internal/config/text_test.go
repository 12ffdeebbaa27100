package config

import "testing"

// TestText holds what Apache Kafka describes after the value was set, and, for
// numbers that no topic's key takes, what Java prints.
func TestText(t *testing.T) {
	for _, test := range []struct {
		kind       Type
		value, out string
	}{
		{TypeLong, " 7 ", "7"},
		{TypeLong, "+7", "7"},
		{TypeLong, "007", "7"},
		{TypeInt, "\t100\n", "100"},
		{TypeString, " lz4 ", "lz4"},
		{TypeString, "LZ4", "LZ4"},
		{TypeList, " delete , compact ", "delete,compact"},
		{TypeList, " ", ""},
		{TypeList, "* ", "*"},
		{TypeDouble, " 0.50 ", "0.5"},
		{TypeDouble, "1e-1", "0.1"},
		{TypeDouble, "1", "1.0"},
		{TypeDouble, "0", "0.0"},
		{TypeDouble, "1e-5", "1.0E-5"},
		{TypeDouble, "12345678.9", "1.23456789E7"},
		{TypeDouble, "1e999", "Infinity"},
		{TypeDouble, "-1e999", "-Infinity"},
		{TypeDouble, "NaN", "NaN"},
		{TypeBoolean, " TRUE ", "true"},
		{TypeBoolean, "False", "false"},
		{TypeBoolean, "maybe", "maybe"},
		{TypePassword, " p ", " p "},
	} {
		k := &Key{Name: "x", Type: test.kind}
		if got := k.text(test.value); got != test.out {
			t.Errorf("%s %q: %q, want %q", test.kind, test.value, got, test.out)
		}
	}
}

// TestTextOfDefaults: a default is written as it is printed.
func TestTextOfDefaults(t *testing.T) {
	for _, s := range []*Set{Topics, Groups, Brokers, Clients} {
		for k := range s.All() {
			if k.text(k.Default) != k.Default {
				t.Errorf("%s: %q is printed %q", k.Name, k.Default, k.text(k.Default))
			}
		}
	}
}
