package config

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestPattern holds Apache Kafka's answers to a ConsumerGroupHeartbeat and a
// ListTransactions with the expression.
func TestPattern(t *testing.T) {
	for _, test := range []struct {
		expr     string
		good     bool
		yes, not []string
	}{
		{`\Qa.b\E`, true, []string{"a.b"}, []string{"axb", "a.bc", ""}},
		{`\Qa.b`, true, []string{"a.b"}, []string{"axb", "a.b)", `a.b)\z`, "xa.b"}},
		{`\Q`, true, []string{""}, []string{"a"}},
		{`a\Qb\E*`, true, []string{"a", "abb"}, []string{"ab*"}},
		{`a)|(b`, false, nil, nil},
		{`(a`, false, nil, nil},
		{`a\`, false, nil, nil},
		{`(?i`, false, nil, nil},
		{`(?i)`, true, []string{""}, []string{"a"}},
		{`(?i)ABC`, true, []string{"abc"}, []string{"abcd"}},
		{`a|ab`, true, []string{"a", "ab"}, []string{"abc"}},
		{`a|b`, true, []string{"a", "b"}, []string{"ab", "xa"}},
		{`^a$`, true, []string{"a"}, []string{"a\n"}},
		{`a*?`, true, []string{"", "aaa"}, []string{"aab"}},
		{`(?m)^a$`, true, []string{"a"}, []string{"a\nb", "b\na"}},
		{`.*`, true, []string{"", "a.b"}, []string{"a\nb"}},
		{``, true, []string{""}, []string{"a"}},
		{`x{2,1}`, false, nil, nil},
		{`(?=a)`, false, nil, nil},
	} {
		p, err := CompilePattern(test.expr)
		if (err == nil) != test.good {
			t.Errorf("%s: %v", test.expr, err)
		}
		if err != nil {
			continue
		}
		for _, s := range test.yes {
			if !p.Matches(s) {
				t.Errorf("%s doesn't match %q", test.expr, s)
			}
		}
		for _, s := range test.not {
			if p.Matches(s) {
				t.Errorf("%s matches %q", test.expr, s)
			}
		}
	}
}

// TestPatternWhole compares random expressions, all of which are closed, with
// Go's own between anchors.
func TestPatternWhole(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	pieces := []string{"a", "b", "a|b", "(", ")", "*", "+", "?", "*?", "{2}", "{1,3}", ".", "[ab]", "[^a]", "^", "$", `\b`, "(?i)", "(?:", "A", "|", `\Qa\E`}
	compared := 0
	for range 20_000 {
		var expr strings.Builder
		for range 1 + rnd.IntN(7) {
			expr.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		p, err := CompilePattern(expr.String())
		if err != nil {
			continue
		}
		naive := regexp.MustCompile(`\A(?:` + expr.String() + `)\z`)
		for range 20 {
			text := strings.Repeat("x", 6)[:rnd.IntN(7)]
			text = strings.Map(func(rune) rune { return rune("abAB\n"[rnd.IntN(5)]) }, text)
			compared++
			if p.Matches(text) != naive.MatchString(text) {
				t.Fatalf("%s, %q: %v", expr.String(), text, p.Matches(text))
			}
		}
	}
	if compared < 50_000 {
		t.Errorf("only %d comparisons", compared)
	}
}
