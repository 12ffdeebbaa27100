//go:build poison

package poison

// On reports whether released buffers are overwritten.
const On = true
