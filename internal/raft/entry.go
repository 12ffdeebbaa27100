package raft

import (
	"fmt"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// An entry of the log holds what one decision changes:
//
//	format u8 | term decided in i64 | number of records, unsigned varint | records, as protocol.EncodeRecord writes them
const entryFormat = 1

func encodeEntry(term uint64, recs []metadata.Record) []byte {
	e := protocol.NewEncoder()
	e.Int8(entryFormat)
	e.Int64(int64(term))
	e.UVarint(uint32(len(recs)))
	for _, r := range recs {
		protocol.EncodeRecord(e, r)
	}
	return e.Bytes()
}

func decodeRecords(b []byte) (term uint64, recs []metadata.Record, err error) {
	d := protocol.NewDecoder(b)
	if format := d.Int8(); d.Err() == nil && format != entryFormat {
		return 0, nil, fmt.Errorf("entry of format %d: written by a later version of jocko", format)
	}
	term = uint64(d.Int64())
	n := d.UVarint()
	if d.Err() == nil && int64(n) > int64(d.Remaining()) {
		return 0, nil, fmt.Errorf("%w: %d records in %d bytes", ErrCorrupt, n, d.Remaining())
	}
	for range n {
		r, err := protocol.DecodeRecord(d)
		if err != nil {
			return 0, nil, err
		}
		recs = append(recs, r)
	}
	return term, recs, d.Finish()
}
