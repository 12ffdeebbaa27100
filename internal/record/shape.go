package record

// CheckShape tells whether a producer's bytes are one batch, by their lengths and
// format alone: what can be said before it is known where they go. The error is
// an *Error, and Validate's too.
func CheckShape(buf []byte) error {
	_, err := onlyBatch(buf)
	return err
}
