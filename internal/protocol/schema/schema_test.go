package schema

import "testing"

func TestLoad(t *testing.T) {
	ms, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, m := range ms {
		if m.Kind == Request {
			keys++
		}
	}
	if keys != 79 {
		t.Errorf("%d requests, want the 79 keys of the broker listener", keys)
	}
}
