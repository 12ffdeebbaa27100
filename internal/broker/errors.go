package broker

import (
	"errors"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/record"
)

// codeAndText is what a response says of one failed item.
func codeAndText(err error) (int16, *string) {
	code := protocol.CodeOf(err)
	text, ok := protocol.TextOf(err)
	if !ok {
		text = protocol.Error(code).Message()
	}
	return code, &text
}

var codeOfKind = map[record.Kind]protocol.Error{
	record.Corrupt:                protocol.ErrCorruptMessage,
	record.Incomplete:             protocol.ErrCorruptMessage,
	record.InvalidRecord:          protocol.ErrInvalidRecord,
	record.InvalidTimestamp:       protocol.ErrInvalidTimestamp,
	record.UnsupportedCompression: protocol.ErrUnsupportedCompressionType,
	record.UnsupportedFormat:      protocol.ErrUnsupportedForMessageFormat,
	record.TooLarge:               protocol.ErrMessageTooLarge,
	record.Undecodable:            protocol.ErrUnknownServerError, // what Kafka answers to compressed data that isn't
}

// code is the one place where errors become codes. An error without one is
// ours: it is logged here, once, and answered as UNKNOWN_SERVER_ERROR.
func (b *Broker) code(err error) int16 {
	if err == nil {
		return 0
	}
	var code protocol.Error
	if errors.As(err, &code) {
		return int16(code)
	}
	var invalid *record.Error
	if errors.As(err, &invalid) {
		code, known := codeOfKind[invalid.Kind]
		if !known {
			panic("BUG: no error code for " + invalid.Kind.String())
		}
		return int16(code)
	}
	b.Logger.Error("a request failed for a reason that has no error code", "error", err)
	return int16(protocol.ErrUnknownServerError)
}
