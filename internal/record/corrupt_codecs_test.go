package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/klauspost/compress/s2"
)

// codecMixCases say one codec and send another.
func codecMixCases(now int64) []badCase {
	var cs []badCase
	for _, said := range codecs {
		for _, sent := range codecs {
			payload := plainRecords()
			if sent != None {
				payload = packed(sent, payload)
			}
			if said == sent {
				if said != None {
					twice := raw(now, said, packed(said, payload))
					cs = append(cs, badCase{fmt.Sprintf("codec/%s in %s", said, said), twice, "", InvalidRecord})
				}
				continue
			}
			kind := Undecodable
			if said == None {
				kind = InvalidRecord
			}
			cs = append(cs, badCase{fmt.Sprintf("codec/%s that is %s", said, sent), raw(now, said, payload), "", kind})
		}
	}
	z := raw(now, Zstd, packed(Zstd, plainRecords()))
	return append(cs, badCase{"codec/zstd by an old producer", z, "old", UnsupportedCompression})
}

// corruptions are payloads with the usual damage; how many bytes the codec's header and trailer have doesn't matter.
func corruptions(c Codec, now int64) []badCase {
	var cs []badCase
	good := packed(c, plainRecords())
	add := func(name string, p []byte) {
		cs = append(cs, badCase{fmt.Sprintf("codec/%s/%s", c, name), raw(now, c, p), "", Undecodable})
	}
	if c != Zstd { // for zstd, no frame is no content
		add("empty", nil)
	}
	for _, n := range []int{1, 4, 8, len(good) / 2, len(good) - 4, len(good) - 1} {
		add(fmt.Sprintf("the first %d bytes", n), good[:n])
	}
	add("first byte changed", append([]byte{good[0] ^ 1}, good[1:]...))
	add("zeros", make([]byte, len(good)))
	add("ones", bytes.Repeat([]byte{0xff}, len(good)))
	return cs
}

func gzipCases(now int64) []badCase {
	cs := corruptions(Gzip, now)
	good := packed(Gzip, plainRecords())
	add := func(name string, kind Kind, change func(p []byte) []byte) {
		cs = append(cs, badCase{"codec/gzip/" + name, raw(now, Gzip, change(bytes.Clone(good))), "", kind})
	}
	add("wrong CRC", Undecodable, func(p []byte) []byte { p[len(p)-8] ^= 1; return p })
	add("wrong size", Undecodable, func(p []byte) []byte { p[len(p)-1] ^= 1; return p })
	add("unknown method", Undecodable, func(p []byte) []byte { p[2] = 7; return p })
	add("name flag without a name", Undecodable, func(p []byte) []byte { p[3] = 8; return p[:10] })
	add("garbage follows", Undecodable, func(p []byte) []byte { return append(p, "garbage"...) })
	add("two members", 0, func([]byte) []byte {
		p := plainRecords()
		return slices.Concat(packed(Gzip, p[:20]), packed(Gzip, p[20:]))
	})
	add("bad block type", Undecodable, func(p []byte) []byte { p[10] |= 6; return p })
	return cs
}

func snappyCases(now int64) []badCase {
	cs := corruptions(Snappy, now)
	block := s2.EncodeSnappy(nil, plainRecords())
	head := append(xerialMagic[:], 0, 0, 0, 1, 0, 0, 0, 1)
	sized := func(n int, b []byte) []byte {
		return append(binary.BigEndian.AppendUint32(bytes.Clone(head), uint32(n)), b...)
	}
	add := func(name string, kind Kind, p []byte) {
		cs = append(cs, badCase{"codec/snappy/" + name, raw(now, Snappy, p), "", kind})
	}
	literal := func(size uint64, b []byte) []byte { return append(binary.AppendUvarint(nil, size), b...) }
	_, n := binary.Uvarint(block)
	add("raw", 0, block)
	add("raw, cut", Undecodable, block[:len(block)-1])
	add("raw, length one more", Undecodable, literal(uint64(len(plainRecords())+1), block[n:]))
	add("raw, length one less", Undecodable, literal(uint64(len(plainRecords())-1), block[n:]))
	add("raw, length 2^32-1", Undecodable, literal(math.MaxUint32, block[n:]))
	add("raw, length 2^40", Undecodable, literal(1<<40, block[n:]))
	add("raw, length 8 MiB for a few bytes", Undecodable, literal(8<<20, block[n:]))
	add("raw, copy before the start", Undecodable, []byte{4, 0x01, 0x10})
	add("raw, an s2 repeat", Undecodable, slices.Concat([]byte{6, 0x04, 'a', 'b', 0x01, 0x00}))
	add("xerial, cut header", Undecodable, head[:12])
	add("xerial, only a header", InvalidRecord, head)
	add("xerial, version 0", 0, slices.Concat(head[:8], make([]byte, 8), sized(len(block), block)[16:]))
	add("xerial, version 2", 0, slices.Concat(head[:8], []byte{0, 0, 0, 2, 0, 0, 0, 2}, sized(len(block), block)[16:]))
	add("xerial, one block", 0, sized(len(block), block))
	add("xerial, block size -1", Undecodable, sized(-1, block))
	add("xerial, block size 0", Undecodable, sized(0, block))
	add("xerial, block size 2^31-1", Undecodable, sized(math.MaxInt32, block))
	add("xerial, block size one more", Undecodable, sized(len(block)+1, block))
	add("xerial, block size one less", Undecodable, sized(len(block)-1, block))
	add("xerial, two bytes of a size follow", Undecodable, append(sized(len(block), block), 0, 0))
	add("xerial, block cut", Undecodable, sized(len(block), block[:len(block)-3]))
	return cs
}

// lz4Frame makes a frame; flags and bd go into the header, whose checksum is right.
func lz4Frame(flags, bd byte, contentSize []byte, blocks ...[]byte) []byte {
	p := binary.LittleEndian.AppendUint32(nil, lz4Magic)
	p = append(p, flags, bd)
	p = append(p, contentSize...)
	p = append(p, byte(checksum32(p[4:])>>8))
	return append(p, slices.Concat(blocks...)...)
}

// lz4Block is a stored block.
func lz4Block(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))|lz4Stored), b...)
}

func lz4Cases(now int64) []badCase {
	cs := corruptions(LZ4, now)
	add := func(name string, kind Kind, p []byte) {
		cs = append(cs, badCase{"codec/lz4/" + name, raw(now, LZ4, p), "", kind})
	}
	p := plainRecords()
	const flags = lz4Version | lz4Independent
	const bd = 4 << 4
	le := func(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
	size := func(v int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }
	end := make([]byte, 4)
	block := lz4Block(p)
	frame := lz4Frame(flags, bd, nil, block, end)
	wrongSum := bytes.Clone(frame)
	wrongSum[6] ^= 1
	compressed := packed(LZ4, bytes.Repeat(p, 10))
	add("stored block", 0, frame)
	add("wrong header checksum", Undecodable, wrongSum)
	add("version 2", Undecodable, lz4Frame(0x80|lz4Independent, bd, nil, block, end))
	add("dependent blocks", Undecodable, lz4Frame(lz4Version, bd, nil, block, end))
	add("reserved flag", Undecodable, lz4Frame(flags|lz4Reserved, bd, nil, block, end))
	add("dictionary flag", Undecodable, lz4Frame(flags|lz4Dictionary, bd, le(7), block, end))
	add("block size class 3", Undecodable, lz4Frame(flags, 3<<4, nil, block, end))
	add("block size class 0", Undecodable, lz4Frame(flags, 0, nil, block, end))
	add("reserved block size bit", Undecodable, lz4Frame(flags, bd|0x80, nil, block, end))
	add("block size class 7", 0, lz4Frame(flags, 7<<4, nil, block, end))
	add("block checksum", 0, lz4Frame(flags|lz4BlockChecksum, bd, nil, block, le(checksum32(p)), end))
	add("wrong block checksum", Undecodable, lz4Frame(flags|lz4BlockChecksum, bd, nil, block, le(checksum32(p)+1), end))
	add("block checksum missing", Undecodable, lz4Frame(flags|lz4BlockChecksum, bd, nil, block))
	add("content checksum", 0, lz4Frame(flags|lz4ContentChecksum, bd, nil, block, end, le(checksum32(p))))
	add("wrong content checksum", Undecodable, lz4Frame(flags|lz4ContentChecksum, bd, nil, block, end, le(checksum32(p)+1)))
	add("content checksum missing", Undecodable, lz4Frame(flags|lz4ContentChecksum, bd, nil, block, end))
	add("content size", 0, lz4Frame(flags|lz4ContentSize, bd, size(len(p)), block, end))
	add("wrong content size", Undecodable, lz4Frame(flags|lz4ContentSize, bd, size(len(p)+1), block, end))
	add("content size 2^62", Undecodable, lz4Frame(flags|lz4ContentSize, bd, size(1<<62), block, end))
	add("content size missing", Undecodable, lz4Frame(flags|lz4ContentSize, bd, nil)[:7])
	add("no end mark", Undecodable, lz4Frame(flags, bd, nil, block))
	add("bytes follow", Undecodable, append(bytes.Clone(frame), 1, 2, 3))
	add("two frames", Undecodable, slices.Concat(lz4Frame(flags, bd, nil, lz4Block(p[:20]), end), lz4Frame(flags, bd, nil, lz4Block(p[20:]), end)))
	add("two blocks", 0, lz4Frame(flags, bd, nil, lz4Block(p[:20]), lz4Block(p[20:]), end))
	add("block larger than its class", Undecodable, lz4Frame(flags, bd, nil, lz4Block(make([]byte, 64<<10+1)), end))
	add("block size 2^31-1", Undecodable, lz4Frame(flags, bd, nil, le(math.MaxInt32), p, end))
	add("match before the start", Undecodable, lz4Frame(flags, bd, nil, le(6), []byte{0x10, 'a', 9, 0, 0, 0}, end))
	add("compressed block cut", Undecodable, compressed[:len(compressed)-9])
	add("legacy frame", Undecodable, slices.Concat(le(0x184c2102), le(uint32(len(p))), p))
	add("skippable frame first", Undecodable, slices.Concat(le(zstdSkippable), le(3), []byte("abc"), frame))
	return cs
}

// zstdFrame makes a frame of raw blocks; header is what follows the magic.
func zstdFrame(header []byte, blocks ...[]byte) []byte {
	p := append(binary.LittleEndian.AppendUint32(nil, zstdMagic), header...)
	return append(p, slices.Concat(blocks...)...)
}

// zstdBlock is a block of kind 0 (raw), 1 (repeated byte), 2 (compressed) or 3 (reserved).
func zstdBlock(last bool, kind, size int, b []byte) []byte {
	h := size<<3 | kind<<1
	if last {
		h |= 1
	}
	return append([]byte{byte(h), byte(h >> 8), byte(h >> 16)}, b...)
}

func zstdCases(now int64) []badCase {
	cs := corruptions(Zstd, now)
	add := func(name string, kind Kind, p []byte) {
		cs = append(cs, badCase{"codec/zstd/" + name, raw(now, Zstd, p), "", kind})
	}
	p := plainRecords()
	block := zstdBlock(true, 0, len(p), p)
	skippable := slices.Concat(binary.LittleEndian.AppendUint32(nil, zstdSkippable|5), []byte{3, 0, 0, 0}, []byte("abc"))
	const (
		single   = 1 << 5
		checksum = 1 << 2
		size8    = 3 << 6
	)
	frame := zstdFrame([]byte{0, 8 << 3}, block)
	le64 := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	good := packed(Zstd, p)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	add("raw block", 0, frame)
	add("single segment", 0, zstdFrame([]byte{single, byte(len(p))}, block))
	add("window of 3.75 TiB", Undecodable, zstdFrame([]byte{0, 0xff}, block))
	add("window of 144 MiB", Undecodable, zstdFrame([]byte{0, 17<<3 | 1}, block))
	add("window of 128 MiB", 0, zstdFrame([]byte{0, 17 << 3}, block))
	add("dictionary id", Undecodable, zstdFrame([]byte{1, 8 << 3, 77}, block))
	add("dictionary id 0", 0, zstdFrame([]byte{1, 8 << 3, 0}, block))
	add("reserved bit", Undecodable, zstdFrame([]byte{1 << 3, 8 << 3}, block))
	add("content size one more", Undecodable, zstdFrame([]byte{single, byte(len(p) + 1)}, block))
	add("content size one less", Undecodable, zstdFrame([]byte{single, byte(len(p) - 1)}, block))
	add("content size 2^63", Undecodable, zstdFrame(append([]byte{single | size8}, le64(1<<63)...), block))
	add("content size 2^64-1", Undecodable, zstdFrame(append([]byte{single | size8}, le64(math.MaxUint64)...), block))
	add("content size 1 GiB", Undecodable, zstdFrame(append([]byte{single | size8}, le64(1<<30)...), block))
	add("content size 2^64-1 with a window", 0, zstdFrame(append([]byte{size8, 8 << 3}, le64(math.MaxUint64)...), block))
	add("wrong checksum", Undecodable, zstdFrame([]byte{checksum, 8 << 3}, block, []byte{1, 2, 3, 4}))
	add("checksum missing", Undecodable, zstdFrame([]byte{checksum, 8 << 3}, block))
	add("last bit changed", Undecodable, flipped)
	add("reserved block", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 3, len(p), p)))
	add("no last block", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(false, 0, len(p), p)))
	add("no block", Undecodable, zstdFrame([]byte{0, 8 << 3}))
	add("block beyond the end", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 0, len(p)+1, p)))
	add("block of 2 MiB", Undecodable, zstdFrame([]byte{0, 17 << 3}, zstdBlock(true, 1, 1<<21-1, []byte{0})))
	add("block of garbage", Undecodable, zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 2, len(p), p)))
	add("skippable frame first", 0, slices.Concat(skippable, frame))
	add("skippable frame last", 0, slices.Concat(frame, skippable))
	add("only a skippable frame", InvalidRecord, skippable)
	add("empty", InvalidRecord, nil)
	add("skippable frame of 2^32-1", Undecodable, slices.Concat(binary.LittleEndian.AppendUint32(nil, zstdSkippable), []byte{255, 255, 255, 255}, frame))
	add("two frames", 0, slices.Concat(zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 0, 20, p[:20])), zstdFrame([]byte{0, 8 << 3}, zstdBlock(true, 0, len(p)-20, p[20:]))))
	add("garbage follows", Undecodable, append(bytes.Clone(frame), "garbage"...))
	add("magic of version 0.7", Undecodable, append([]byte{0x27, 0xb5, 0x2f, 0xfd}, frame[4:]...))
	return cs
}
