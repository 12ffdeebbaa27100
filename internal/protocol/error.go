package protocol

import (
	"errors"
	"strconv"
)

// Error is one of Kafka's error codes. Success is a nil error, never an Error of 0.
type Error int16

type errorInfo struct {
	name, message string
	retriable     bool
}

func (e Error) info() *errorInfo {
	if i := int(e) + 1; i >= 0 && i < len(errorCodes) && errorCodes[i].name != "" {
		return &errorCodes[i]
	}
	return &errorInfo{name: "Error(" + strconv.Itoa(int(e)) + ")", message: "unknown error code"}
}

// Error returns the name and the message.
func (e Error) Error() string {
	i := e.info()
	return i.name + ": " + i.message
}

// Name is Kafka's name, such as UNKNOWN_TOPIC_OR_PARTITION.
func (e Error) Name() string { return e.info().name }

// Message says what the code means, without the name.
func (e Error) Message() string { return e.info().message }

// Retriable reports whether a client may send the same request again.
func (e Error) Retriable() bool { return e.info().retriable }

// CodeOf returns the code to answer err with: 0 for nil, the code of the Error that err is or wraps, else that of
// ErrUnknownServerError.
func CodeOf(err error) int16 {
	if err == nil {
		return 0
	}
	var e Error
	if errors.As(err, &e) {
		return int16(e)
	}
	return int16(ErrUnknownServerError)
}

// Malformed is the error of bytes that are no message. A server answers it by closing the connection.
type Malformed string

func (m Malformed) Error() string { return "malformed message: " + string(m) }

// refusal is an error code with a sentence for the client.
type refusal struct {
	code Error
	text string
}

// Refuse returns an error of a code with a sentence for the client, which TextOf finds.
func Refuse(code Error, text string) error { return refusal{code, text} }

func (r refusal) Error() string { return r.code.Name() + ": " + r.text }
func (r refusal) Unwrap() error { return r.code }

// TextOf is the sentence that Refuse gave an error; ok is false for one without.
func TextOf(err error) (text string, ok bool) {
	var r refusal
	ok = errors.As(err, &r)
	return r.text, ok
}
