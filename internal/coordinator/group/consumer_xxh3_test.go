package group

import "testing"

// The sums are those of the library that Kafka hashes with.
func TestXXH3(t *testing.T) {
	for _, c := range []struct {
		n   int
		sum uint64
	}{
		{0, 0x2d06800538d394c2},
		{1, 0x13e608bc156defed},
		{3, 0xa9088dda485b481c},
		{4, 0x6d9253b16c8b1ed3},
		{8, 0x60539db630471163},
		{9, 0xfeff668361d723a8},
		{16, 0xb8c859b0f030b585},
		{17, 0x714a04408e79b80f},
		{32, 0x19ff4ee1d6ba1a55},
		{33, 0x3e44983ad21679c8},
		{64, 0x287eb1fa9e4be2c1},
		{65, 0x829218de4d798646},
		{128, 0x67425a03650261bf},
		{129, 0xc664bf3311c6abc4},
		{160, 0xd70dea8de694b883},
		{200, 0x746cd0025327bf5b},
		{240, 0x64556dc6b462a6cf},
		{241, 0x8beadd3a8874fe17},
		{256, 0x3c38817f6d79c0da},
		{512, 0xf58202b8d9019d1d},
		{1023, 0xd26986a0b85dcc44},
		{1024, 0x9b81661c641c72b1},
		{1025, 0x806c2072ed713576},
		{1050, 0x439a34f113f8a8b},
		{1088, 0x2f8781e01841f0da},
		{1089, 0x2a90437fe231e7e8},
		{2048, 0xabe604813ba62ed1},
		{2049, 0x55aed42c9f1554b6},
		{5000, 0x799aaddd7339581d},
	} {
		b := make([]byte, c.n)
		for i := range b {
			b[i] = byte(i*7 + 3)
		}
		if got := xxh3(b); got != c.sum {
			t.Errorf("%d bytes: %#x, not %#x", c.n, got, c.sum)
		}
	}
}
