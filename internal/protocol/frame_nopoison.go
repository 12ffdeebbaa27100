//go:build !poison

package protocol

const poison = false
