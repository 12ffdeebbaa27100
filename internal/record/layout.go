package record

// A record, all numbers zigzag varints but the attributes:
//
//	length           bytes that follow
//	attributes (1)   unused
//	timestamp delta  to the batch's base timestamp, ms
//	offset delta     to the batch's base offset
//	key length, key          -1: null
//	value length, value      -1: null
//	header count, then for each: key length, key, value length (-1: null), value

// layout says where the parts of one record are in its body, which is the record without its length.
type layout struct {
	attributes     int8
	timestampDelta int64
	offsetDelta    int32
	keySize        int32 // -1: null
	valueSize      int32 // -1: null
	headers        int32
	keyLenPos      int // the key's length: from here on a record doesn't depend on its batch
	keyPos         int
	valuePos       int
	headersPos     int // the first header
}

// minBodySize is the size of a record's body with all fields empty.
const minBodySize = 6

// parse reads a whole body. It returns false where the fields don't fill it exactly, or a length is impossible.
//
// Every record of every produced batch comes through here, and most numbers in a record have one byte: that case is spelled
// out for each.
func (l *layout) parse(b []byte) bool {
	if len(b) < minBodySize {
		return false
	}
	l.attributes = int8(b[0])
	i := 1
	if c := b[1]; c < 0x80 {
		l.timestampDelta, i = int64(unzigzag32(uint32(c))), 2
	} else {
		l.timestampDelta, i = varint64(b, 1)
	}
	if uint(i) < uint(len(b)) && b[i] < 0x80 {
		l.offsetDelta, i = unzigzag32(uint32(b[i])), i+1
	} else if l.offsetDelta, i = varint32(b, i); i < 0 {
		return false
	}
	l.keyLenPos = i
	if uint(i) < uint(len(b)) && b[i] < 0x80 {
		l.keySize, i = unzigzag32(uint32(b[i])), i+1
	} else if l.keySize, i = varint32(b, i); i < 0 {
		return false
	}
	if l.keySize < -1 || int(l.keySize) > len(b)-i {
		return false
	}
	l.keyPos = i
	i += int(max(l.keySize, 0))
	l.valueSize, i = varint32(b, i)
	if i < 0 || l.valueSize < -1 || int(l.valueSize) > len(b)-i {
		return false
	}
	l.valuePos = i
	i += int(max(l.valueSize, 0))
	l.headers, l.headersPos = 0, i+1
	if i == len(b)-1 && b[i] == 0 {
		return true
	}
	l.headers, i = varint32(b, i)
	if i < 0 || l.headers < 0 {
		return false
	}
	l.headersPos = i
	return skipHeaders(b, i, int(l.headers)) == len(b)
}

// skipHeaders returns the position after n headers, or -1.
func skipHeaders(b []byte, i, n int) int {
	if n > (len(b)-i)/2 {
		return -1
	}
	for range n {
		var size int32
		size, i = varint32(b, i)
		if i < 0 || size < 0 || int(size) > len(b)-i {
			return -1
		}
		i += int(size)
		size, i = varint32(b, i)
		if i < 0 || size < -1 || int(size) > len(b)-i {
			return -1
		}
		i += int(max(size, 0))
	}
	return i
}
