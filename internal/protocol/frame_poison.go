//go:build poison

package protocol

const poison = true
