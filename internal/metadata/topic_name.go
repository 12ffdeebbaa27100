package metadata

import (
	"fmt"
	"strings"
)

// maxTopicName is the longest topic name: with "-", a partition number and the
// suffix of a deleted folder it still is a file name.
const maxTopicName = 249

// CheckTopicName tells what is wrong with a topic's name, nil if nothing is.
// The name is part of a folder's name, so it is what keeps a client inside the
// log dirs.
func CheckTopicName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("topic name is invalid: the empty string is not allowed")
	case name == "." || name == "..":
		return fmt.Errorf("topic name is invalid: '.' or '..' is not allowed")
	case len(name) > maxTopicName:
		return fmt.Errorf("topic name is invalid: the length of '%s' is longer than the max allowed length %d", name, maxTopicName)
	}
	for i := range len(name) {
		if !isTopicNameByte(name[i]) {
			return fmt.Errorf("topic name is invalid: '%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
		}
	}
	return nil
}

func isTopicNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// CollisionKey is equal for names that Kafka's metric names can't tell apart:
// a topic must not be created beside another of the same key.
func CollisionKey(name string) string { return strings.ReplaceAll(name, ".", "_") }

// IsInternal tells the topics that coordinators keep their state in.
func IsInternal(name string) bool {
	return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state"
}
