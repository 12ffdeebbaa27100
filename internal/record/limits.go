package record

import "math"

// Limits bound what a compressed batch may become.
type Limits struct {
	// MaxBytes is the largest number of decompressed bytes of one batch. 0 is DefaultMaxBytes.
	MaxBytes int64
	// MaxRatio is how many times its compressed size a batch may become once it is larger than FreeBytes. 0 is
	// DefaultMaxRatio.
	MaxRatio int64
}

const (
	// DefaultMaxBytes is far above what a producer puts into a batch: clients bound batches before compression, by default
	// at 1 MiB.
	DefaultMaxBytes = 64 << 20
	// DefaultMaxRatio is far above what real data reaches.
	DefaultMaxRatio = 128
	// FreeBytes is the decompressed size up to which any ratio is accepted: a batch of equal records, as
	// performance tools send, shrinks 1,000 times and more.
	FreeBytes = 8 << 20
)

// NoLimits is for batches that were validated before they were stored.
var NoLimits = Limits{MaxBytes: math.MaxInt64, MaxRatio: math.MaxInt32}

// bytes is the number of bytes that n compressed bytes may become.
func (l Limits) bytes(n int) int64 {
	most, ratio := l.MaxBytes, l.MaxRatio
	if most <= 0 {
		most = DefaultMaxBytes
	}
	if ratio <= 0 {
		ratio = DefaultMaxRatio
	}
	byRatio := int64(math.MaxInt64)
	if int64(n) < math.MaxInt64/ratio {
		byRatio = int64(n) * ratio
	}
	return min(most, max(byRatio, FreeBytes))
}
