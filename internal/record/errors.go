package record

import (
	"errors"
	"fmt"
)

// Kind is the class of an Error. Each has the error code that Kafka answers a producer with.
type Kind uint8

const (
	// Corrupt: a checksum, a length or a header field is wrong (CORRUPT_MESSAGE).
	Corrupt Kind = iota + 1
	// Incomplete: the bytes end before the batch does. Only Next and PeekSize return it; Kafka cuts such bytes off.
	Incomplete
	// UnsupportedFormat: a message of format 0 or 1. Only Next returns it (UNSUPPORTED_FOR_MESSAGE_FORMAT).
	UnsupportedFormat
	// InvalidRecord: the batch is whole, but the records don't agree with it, or aren't allowed here (INVALID_RECORD).
	InvalidRecord
	// InvalidTimestamp: a record's time is out of the topic's bounds (INVALID_TIMESTAMP).
	InvalidTimestamp
	// UnsupportedCompression: the codec isn't allowed by the version of the request (UNSUPPORTED_COMPRESSION_TYPE).
	UnsupportedCompression
	// Undecodable: the records can't be decompressed, or the codec isn't known. It is the client's fault, but Kafka has no code for
	// it (UNKNOWN_SERVER_ERROR).
	Undecodable
	// TooLarge: the batch is larger than the topic allows (MESSAGE_TOO_LARGE).
	TooLarge
)

var kindNames = [...]string{
	Corrupt:                "CORRUPT_MESSAGE",
	Incomplete:             "INVALID_RECORD",
	InvalidRecord:          "INVALID_RECORD",
	InvalidTimestamp:       "INVALID_TIMESTAMP",
	UnsupportedCompression: "UNSUPPORTED_COMPRESSION_TYPE",
	UnsupportedFormat:      "UNSUPPORTED_FOR_MESSAGE_FORMAT",
	Undecodable:            "UNKNOWN_SERVER_ERROR",
	TooLarge:               "MESSAGE_TOO_LARGE",
}

// String is the name of the error code that Kafka answers.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Error is the only type of error of this package.
type Error struct {
	Kind    Kind
	Message string
	// Records names the records at fault, where the fault is with single records: what Produce reports from version 8 on.
	// It holds at most maxRecordErrors.
	Records []RecordError
	// Err is the cause, where a codec gave one.
	Err error
}

// RecordError is one record that was refused.
type RecordError struct {
	Index   int32 // place in the batch, from 0
	Message string
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

func errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Errors of paths that a scan of a log takes often are made once.
var (
	errIncomplete  = &Error{Kind: Incomplete, Message: "the record batch is incomplete"}
	errBatchLength = &Error{Kind: Corrupt, Message: "the length of the record batch is below that of its header"}
	errChecksum    = &Error{Kind: Corrupt, Message: "the record batch doesn't match its CRC"}
	errNoBatch     = &Error{Kind: InvalidRecord, Message: "there is no whole record batch"}
	errManyBatches = &Error{Kind: InvalidRecord, Message: "there is more than one record batch"}
	errZstdVersion = &Error{Kind: UnsupportedCompression, Message: "zstd needs version 7 of Produce or later"}
)

func tooLarge(size, limit int) *Error {
	return errorf(TooLarge, "the record batch has %d bytes, the limit is %d", size, limit)
}

func magicError(m byte) *Error {
	if m < Magic {
		return errorf(UnsupportedFormat, "message format %d is not supported, only format %d is", m, Magic)
	}
	return errorf(Corrupt, "invalid magic %d in record batch", int8(m))
}

// asError unwraps our own error, for instance the one that a sink gave an encoder.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	panic("BUG: an error of a foreign type: " + err.Error())
}
