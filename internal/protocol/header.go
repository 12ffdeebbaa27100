package protocol

// RequestHeader comes before the body of every request.
type RequestHeader struct {
	Key           Key
	Version       int16
	CorrelationID int32
	ClientID      *string // nil when the client sent null, which Kafka treats as empty
}

// Decode reads a header of version 1, or 2 when the request's version is flexible. The version need not be one that the
// key has, because ApiVersions is answered at any; a key without a schema is ErrUnsupportedVersion, as in Kafka, which
// closes the connection.
func (h *RequestHeader) Decode(d *Decoder) error {
	h.Key, h.Version, h.CorrelationID = Key(d.Int16()), d.Int16(), d.Int32()
	if d.Err() == nil && !h.Key.Valid() {
		d.fail(ErrUnsupportedVersion)
	}
	h.ClientID = d.nullString(false, true, h.ClientID)
	if d.Err() == nil && h.flexible() {
		d.skipTags()
	}
	return d.Err()
}

// Encode appends the header.
func (h *RequestHeader) Encode(e *Encoder) {
	e.Int16(int16(h.Key))
	e.Int16(h.Version)
	e.Int32(h.CorrelationID)
	e.nullString(false, true, h.ClientID)
	if h.flexible() {
		e.UVarint(0)
	}
}

func (h *RequestHeader) flexible() bool { return h.Version >= h.Key.FlexibleFrom() }

// EncodeResponseHeader appends a response header of version 0, or 1 when the version is flexible. ApiVersions stays at 0,
// so that a client can read the answer before it knows what the broker speaks.
func EncodeResponseHeader(e *Encoder, key Key, version int16, correlationID int32) {
	e.Int32(correlationID)
	if key != ApiVersions && version >= key.FlexibleFrom() {
		e.UVarint(0)
	}
}

// DecodeResponseHeader reads what EncodeResponseHeader wrote and returns the correlation id.
func DecodeResponseHeader(d *Decoder, key Key, version int16) (correlationID int32, err error) {
	correlationID = d.Int32()
	if key != ApiVersions && version >= key.FlexibleFrom() {
		d.skipTags()
	}
	return correlationID, d.Err()
}
