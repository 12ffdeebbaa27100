package vfs

import "io"

// pageSize is the unit in which files in memory take space, as the block of a disk's file system.
const pageSize = 4096

type page = [pageSize]byte

// zeroPage stands for a page that is reserved but was never written. It is never owned, so never written to.
var zeroPage page

// pages is the contents of one file in memory. Pages are shared between copies until one of them writes.
//
// Invariants: a nil page is a hole and reads as zeros; bytes of a page at or above size are zero; list may be longer than
// size needs (space reserved by Preallocate).
type pages struct {
	list  []*page
	owned []bool // owned[i]: no other copy refers to list[i]
	size  int64
}

// copy returns a second file with the same contents, at the price of a slice of pointers.
func (p *pages) copy() *pages {
	clear(p.owned)
	return &pages{
		list:  append([]*page(nil), p.list...),
		owned: make([]bool, len(p.owned)),
		size:  p.size,
	}
}

func (p *pages) readAt(b []byte, off int64) (int, error) {
	if off >= p.size {
		if len(b) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	var short error
	if int64(len(b)) > p.size-off {
		b, short = b[:p.size-off], io.EOF
	}
	for n := 0; n < len(b); {
		i, in := int((off+int64(n))/pageSize), int((off+int64(n))%pageSize)
		if pg := p.page(i); pg != nil {
			n += copy(b[n:], pg[in:])
			continue
		}
		hole := min(len(b)-n, pageSize-in)
		clear(b[n : n+hole])
		n += hole
	}
	return len(b), short
}

func (p *pages) page(i int) *page {
	if i >= len(p.list) {
		return nil
	}
	return p.list[i]
}

// writeAt writes b and returns how many bytes found room: take is asked for every page that isn't there yet.
func (p *pages) writeAt(b []byte, off int64, take func() bool) int {
	n := 0
	for n < len(b) {
		i, in := int((off+int64(n))/pageSize), int((off+int64(n))%pageSize)
		p.grow(i + 1)
		if p.list[i] == nil && !take() {
			break
		}
		n += copy(p.writable(i)[in:], b[n:])
	}
	if n > 0 {
		p.size = max(p.size, off+int64(n))
	}
	return n
}

// reserve takes the missing pages of a range. It stops at the first that take refuses.
func (p *pages) reserve(off, n int64, take func() bool) bool {
	first, last := int(off/pageSize), int((off+n-1)/pageSize)
	p.grow(last + 1)
	for i := first; i <= last; i++ {
		if p.list[i] != nil {
			continue
		}
		if !take() {
			return false
		}
		p.list[i] = &zeroPage
	}
	return true
}

// truncate sets the length and returns the number of pages given back.
func (p *pages) truncate(size int64) (freed int) {
	keep := int((size + pageSize - 1) / pageSize)
	for i := keep; i < len(p.list); i++ {
		if p.list[i] != nil {
			freed++
		}
	}
	if keep < len(p.list) {
		clear(p.list[keep:])
		p.list, p.owned = p.list[:keep], p.owned[:keep]
	}
	if in := size % pageSize; in != 0 && size < p.size && p.page(keep-1) != nil {
		clear(p.writable(keep - 1)[in:])
	}
	p.size = size
	return freed
}

func (p *pages) grow(n int) {
	if n > len(p.list) {
		p.list = append(p.list, make([]*page, n-len(p.list))...)
		p.owned = append(p.owned, make([]bool, n-len(p.owned))...)
	}
}

func (p *pages) writable(i int) *page {
	if !p.owned[i] {
		own := new(page)
		if p.list[i] != nil {
			*own = *p.list[i]
		}
		p.list[i], p.owned[i] = own, true
	}
	return p.list[i]
}

// taken is the number of pages that occupy space.
func (p *pages) taken() int64 {
	var n int64
	for _, pg := range p.list {
		if pg != nil {
			n++
		}
	}
	return n
}
