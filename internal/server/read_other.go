//go:build !unix

package server

func (in *input) read() (int, error) { return in.readConn() }

func (in *input) onReadable(uintptr) bool { return true }
