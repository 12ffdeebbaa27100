// Package protocol is Kafka's wire protocol: messages, headers, error codes, and the buffers they travel in.
//
// The structs of all messages are generated from the text files in schema (see gen): FooRequest and FooResponse for API
// Foo, nested structs with the message's name before Kafka's, fields with Kafka's names. The main types are Message,
// Decoder and Encoder. Code that fills in a response begins with its Default method, or NewFooResponse: Kafka's defaults
// are often not Go's zero values.
//
// Two invariants hold. Decoding never trusts a claimed count: every count is checked against the bytes that are left,
// memory grows with the elements that were really read, and byte fields alias the input instead of copying it. Encoding
// never copies records: an Encoder yields its own bytes cut around ranges of other buffers and of files.
package protocol

//go:generate go run ./gen
