package record

import "fmt"

// Codec is the compression of a batch's records.
type Codec int8

const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
	// Producer is no codec: as a target it says "keep what the producer chose".
	Producer Codec = -1
)

var codecNames = [...]string{None: "none", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd"}

// String is the codec's name in Kafka's configuration, except that "uncompressed" is "none".
func (c Codec) String() string {
	switch {
	case c == Producer:
		return "producer"
	case c.Valid():
		return codecNames[c]
	}
	return fmt.Sprintf("Codec(%d)", int8(c))
}

// Valid tells whether c names a compression, none included.
func (c Codec) Valid() bool { return c >= None && c <= Zstd }

// ParseCodec reads the name that compression.type has: a codec, "none" or "uncompressed", or "producer".
func ParseCodec(name string) (Codec, error) {
	switch name {
	case "producer":
		return Producer, nil
	case "uncompressed":
		return None, nil
	}
	for c, n := range codecNames {
		if n == name {
			return Codec(c), nil
		}
	}
	return 0, errorf(UnsupportedCompression, "unknown compression type %q", name)
}
