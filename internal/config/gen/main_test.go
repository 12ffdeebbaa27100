package main

import (
	"os"
	"testing"
)

func TestPageIsCurrent(t *testing.T) {
	committed, err := os.ReadFile("../../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != page() {
		t.Error("docs/config.md is not current: go generate ./internal/config")
	}
}
