package schema

import (
	"fmt"
	"strconv"
	"strings"
)

const errorsFile = "errors.txt"

// ErrorCode is one of Kafka's error codes.
type ErrorCode struct {
	Code      int16
	Name      string // Kafka's, such as UNKNOWN_TOPIC_OR_PARTITION
	Retriable bool   // the client may send the same request again
	Message   string
}

// LoadErrors parses errors.txt: a line is code, name, "retriable" or "fatal", and the message.
func LoadErrors() ([]ErrorCode, error) {
	text, err := files.ReadFile(errorsFile)
	if err != nil {
		return nil, err
	}
	var out []ErrorCode
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.SplitN(line, " ", 4)
		if len(words) != 4 || (words[2] != "retriable" && words[2] != "fatal") {
			return nil, fmt.Errorf("%s:%d: not an error code", errorsFile, i+1)
		}
		code, err := strconv.ParseInt(words[0], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", errorsFile, i+1, err)
		}
		out = append(out, ErrorCode{int16(code), words[1], words[2] == "retriable", words[3]})
	}
	return out, nil
}
