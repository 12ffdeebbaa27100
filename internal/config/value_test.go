package config

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestDoublesAreJavas: the forms that Double.parseDouble takes, and NaN, which no bound holds for.
func TestDoublesAreJavas(t *testing.T) {
	for in, want := range map[string]float64{
		"0.5": 0.5, "0.5d": 0.5, "0.5D": 0.5, ".5f": 0.5, "5.": 5, "1e-3": 0.001, "0x1p-1": 0.5, "0x1.8p0d": 1.5, "+0.5": 0.5, " 0.5 ": 0.5,
		"Infinity": math.Inf(1), "1e400": math.Inf(1), "1e-400": 0,
	} {
		key := Double{&Key{Name: "k", Type: TypeDouble}}
		if err := key.Check(in); err != nil || key.In(Map{"k": in}) != want {
			t.Errorf("%q: %v, %v", in, key.In(Map{"k": in}), err)
		}
	}
	for _, in := range []string{"nan", "NaN", "inf", "infinity", "1_0", "0x1", "0x1d", "", "d", "0.5dd", "1e", "."} {
		if err := MinCleanableDirtyRatio.Check(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}

// TestListsHoldNothingTwice: what is there twice is there once, wherever it is read or shown.
func TestListsHoldNothingTwice(t *testing.T) {
	own := map[string]string{"cleanup.policy": "compact, delete,compact"}
	if err := CheckTopic(own, nil); err != nil {
		t.Fatal(err)
	}
	if got := CleanupPolicy.In(Map(own)); !slices.Equal(got, []string{"compact", "delete"}) {
		t.Errorf("it is %v", got)
	}
	for _, e := range DescribeTopic(own, nil) {
		if e.Name == "cleanup.policy" && *e.Value != "compact,delete" {
			t.Errorf("it is shown as %s", *e.Value)
		}
	}
	for _, in := range []string{"compact,", ",", "a,,b"} {
		if err := CleanupPolicy.Check(in); err == nil || !strings.Contains(err.Error(), "must not be empty") {
			t.Errorf("%q: %v", in, err)
		}
	}
	if more := CleanupPolicy.Append(Map(own), " "); CleanupPolicy.Check(more) == nil {
		t.Errorf("nothing was appended: %q", more)
	}
}

// TestBrokerKeysPerListener: only those of key stores and trust stores need a listener's prefix.
func TestBrokerKeysPerListener(t *testing.T) {
	refused := 0
	for k := range Brokers.All() {
		if k.Mode != PerBroker || !strings.HasPrefix(k.Name, "ssl.") && !strings.HasPrefix(k.Name, "sasl.") {
			continue
		}
		err := CheckBroker(map[string]string{k.Name: k.Default}, true)
		store := strings.HasPrefix(k.Name, "ssl.key.") || strings.HasPrefix(k.Name, "ssl.keystore.") || strings.HasPrefix(k.Name, "ssl.truststore.")
		if (err != nil) != store {
			t.Errorf("%s: %v", k.Name, err)
		}
		if err != nil {
			refused++
		}
	}
	if refused != 10 {
		t.Errorf("%d keys are refused, want 10", refused)
	}
}
