// Package interop runs other people's clients, and Apache Kafka itself, against a Jocko broker.
//
// It has tests alone: each client does the same work (see client in client_test.go), and what it
// left in the log is read with raw requests. INTEROP_TARGET=kafka runs the same tests against Apache
// Kafka, which must pass them too.
package interop
