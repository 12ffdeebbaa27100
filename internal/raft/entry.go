package raft

import (
	"errors"
	"fmt"
	"slices"

	hraft "github.com/hashicorp/raft"

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

// ErrNotUnderstood is returned for what is whole, by its checksum, and can't be read all the same. Whoever passed over it
// would lose what it says: the node stops, and leaves the directory as it is.
var ErrNotUnderstood = errors.New("the metadata log holds what this version of jocko doesn't understand, so it was written " +
	"by a later one, which has to be started again; nothing is lost")

func notUnderstood(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, err, ErrNotUnderstood)
}

// decodeTerm returns the term in which an entry was decided, and the rest of it for decodeRecords.
func decodeTerm(l *hraft.Log) (term uint64, d *protocol.Decoder, err error) {
	d = protocol.NewDecoder(slices.Clip(l.Data))
	format := d.Int8()
	if d.Err() == nil && format != entryFormat {
		return 0, nil, notUnderstood(entryName(l), fmt.Errorf("its format is %d, not %d", format, entryFormat))
	}
	if term = uint64(d.Int64()); d.Err() != nil {
		return 0, nil, notUnderstood(entryName(l), d.Err())
	}
	return term, d, nil
}

// decodeRecords returns the records of an entry. Either all of it is understood, or none is given.
func decodeRecords(l *hraft.Log, d *protocol.Decoder) ([]metadata.Record, error) {
	n := d.UVarint()
	if d.Err() == nil && int64(n) > int64(d.Remaining()) {
		return nil, notUnderstood(entryName(l), fmt.Errorf("%d records in %d bytes", n, d.Remaining()))
	}
	recs, err := recordsOf(d, n)
	if err != nil {
		return nil, notUnderstood(entryName(l), err)
	}
	return recs, nil
}

func entryName(l *hraft.Log) string { return fmt.Sprintf("entry %d", l.Index) }

// recordsOf decodes n records that fill the rest of d.
func recordsOf(d *protocol.Decoder, n uint32) (recs []metadata.Record, err error) {
	for range n {
		r, err := protocol.DecodeRecord(d)
		if err != nil {
			return nil, err
		}
		recs = append(recs, r)
	}
	return recs, d.Finish()
}
