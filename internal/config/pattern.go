package config

import "regexp"

// Pattern is a regular expression (RE2) that a client sent, of whole texts.
//
// The client's text is compiled as it came. Put between anchors it would mean
// something else: a quotation that isn't ended swallows what follows it, and
// "a)|(b" becomes an expression.
type Pattern struct{ re *regexp.Regexp }

// CompilePattern compiles an expression. The error is a *syntax.Error.
func CompilePattern(expr string) (*Pattern, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	re.Longest()
	return &Pattern{re: re}, nil
}

// Matches reports whether the whole text fits. If any match is the whole text,
// it is the leftmost and the longest one.
func (p *Pattern) Matches(text string) bool {
	at := p.re.FindStringIndex(text)
	return at != nil && at[0] == 0 && at[1] == len(text)
}
