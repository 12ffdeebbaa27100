package config

import (
	"slices"
	"strings"
)

// Append returns the list that is in force with the elements of more added, but
// for those that it has. Nothing is an empty element, which the key's check
// refuses.
func (k *Key) Append(in Lookup, more string) string {
	list := splitList(k.raw(in))
	if strings.TrimSpace(more) == "" && len(list) > 0 {
		list = append(list, "")
	}
	for _, e := range splitList(more) {
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return strings.Join(list, ",")
}

// Subtract returns the list that is in force without the elements of less.
func (k *Key) Subtract(in Lookup, less string) string {
	gone := splitList(less)
	list := slices.DeleteFunc(splitList(k.raw(in)), func(e string) bool { return slices.Contains(gone, e) })
	return strings.Join(list, ",")
}
