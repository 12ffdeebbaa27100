package replica

import (
	"encoding/binary"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// A filed batch is one that a partition's folder holds, as a reader finds it who
// knows the format of a .log file and nothing else: no index, no cache, no code
// of the log's.
type filed struct {
	base, last record.Offset
	segment    int // which file it is in
	producer   int64
	txn        bool
	control    bool
	commit     bool // of a control batch
	records    []filedRecord
	bytes      []byte
}

type filedRecord struct {
	offset record.Offset
	key    string
	value  string // "-" for null
}

// filesOf reads the .log files of a partition's folder.
func filesOf(t testing.TB, fs vfs.FS, p *Partition) []filed {
	t.Helper()
	folder := filepath.Join(p.Log().Dir(), p.Topic+"-"+strconv.Itoa(int(p.Index)))
	entries, err := fs.ReadDir(folder) // sorted by name, which is by offset
	if err != nil {
		t.Fatal(err)
	}
	var out []filed
	segment := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, ".log") {
			continue
		}
		for b := contents(t, fs, filepath.Join(folder, e.Name)); len(b) > 0; {
			f, rest := parseFiled(b)
			f.segment = segment
			out, b = append(out, f), rest
		}
		segment++
	}
	return out
}

func contents(t testing.TB, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

// parseFiled takes the first batch, uncompressed, off b.
func parseFiled(b []byte) (f filed, rest []byte) {
	size := 12 + int(binary.BigEndian.Uint32(b[8:]))
	f.bytes, rest = b[:size:size], b[size:]
	f.base = record.Offset(binary.BigEndian.Uint64(b))
	f.last = f.base + record.Offset(binary.BigEndian.Uint32(b[23:]))
	attributes := binary.BigEndian.Uint16(b[21:])
	f.txn, f.control = attributes&0x10 != 0, attributes&0x20 != 0
	f.producer = int64(binary.BigEndian.Uint64(b[43:]))
	body := f.bytes[61:]
	for range binary.BigEndian.Uint32(b[57:]) {
		body = f.parseRecord(body)
	}
	return f, rest
}

func (f *filed) parseRecord(b []byte) (rest []byte) {
	size, n := binary.Varint(b)
	b, rest = b[n:n+int(size)], b[n+int(size):]
	b = b[1:]               // attributes
	_, n = binary.Varint(b) // timestamp
	delta, m := binary.Varint(b[n:])
	key, b := parseField(b[n+m:])
	value, _ := parseField(b)
	if f.control {
		f.commit = key[3] == 1
		return rest
	}
	f.records = append(f.records, filedRecord{f.base + record.Offset(delta), key, value})
	return rest
}

func parseField(b []byte) (field string, rest []byte) {
	size, n := binary.Varint(b)
	if size < 0 {
		return "-", b[n:]
	}
	return string(b[n : n+int(size)]), b[n+int(size):]
}

// consume is what a read_committed consumer makes of an answer: it leaves out
// the batches of the transactions that the answer names as aborted.
func consume(batches []filed, aborted []abortedAt) (out []filedRecord) {
	slices.SortFunc(aborted, func(a, b abortedAt) int { return int(a.first - b.first) })
	out, dropping := nil, make(map[int64]bool)
	for _, b := range batches {
		for len(aborted) > 0 && aborted[0].first <= b.last {
			dropping[aborted[0].producer] = true
			aborted = aborted[1:]
		}
		switch {
		case b.control && !b.commit:
			delete(dropping, b.producer)
		case !b.control && !(b.txn && dropping[b.producer]):
			out = append(out, b.records...)
		}
	}
	return out
}

type abortedAt struct {
	producer int64
	first    record.Offset
}
