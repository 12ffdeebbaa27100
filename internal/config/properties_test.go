package config

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"testing"
)

// TestPropertiesAsJava reads files that java.util.Properties (JDK 17) was given,
// in Latin-1, and compares with what it made of them: cases written by hand,
// then random ones over the characters that mean something.
func TestPropertiesAsJava(t *testing.T) {
	f, err := os.Open("testdata/properties.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases := 0
	for lines := bufio.NewScanner(f); lines.Scan(); cases++ {
		var c struct {
			File       string
			Refused    bool
			Properties Map
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		got, err := ParseProperties(latin1(c.File))
		if (err != nil) != c.Refused {
			t.Errorf("%q: error %v, Java refuses it: %v", c.File, err, c.Refused)
		} else if !maps.Equal(got, c.Properties) {
			t.Errorf("%q reads as %q, in Java as %q", c.File, got, c.Properties)
		}
	}
	if cases < 600 {
		t.Errorf("only %d cases were read", cases)
	}
}

func latin1(s string) []byte {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}

func FuzzParseProperties(f *testing.F) {
	f.Add([]byte("a=b\\\n c\nd:\\u0041"))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := ParseProperties(file)
		if err == nil && len(m) > len(file) {
			t.Fatalf("%d properties out of %d bytes", len(m), len(file))
		}
	})
}
