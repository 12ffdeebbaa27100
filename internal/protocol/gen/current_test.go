package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestCurrent compares what is committed with what the schemas say.
func TestCurrent(t *testing.T) {
	files, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the schemas say; run go generate ./internal/protocol", name)
		}
	}
	there, err := filepath.Glob("../zz_generated_*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		if files[filepath.Base(name)] == nil {
			t.Errorf("%s belongs to no schema", name)
		}
	}
}
