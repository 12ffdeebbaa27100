package record

// Filter is what compaction does to one batch. Its zero value removes nothing.
type Filter struct {
	// Keep says whether a record stays; nil keeps all.
	Keep func(*Record) bool
	// KeepEmpty: a batch that lost all records stays as a header, since a producer's last sequence and epoch are known from it.
	KeepEmpty bool
	// Horizon is the delete horizon in ms that the batch gets if it needs one: if a record without a value stays in it, or with
	// SetHorizon. A batch that has one keeps it (KIP-534).
	Horizon int64
	// SetHorizon: the batch needs a horizon even without tombstones: it is the marker of a transaction of which nothing is left.
	SetHorizon bool
	// Level is the compression level for batches that must be built anew, as in Rules.
	Level int
}

// Filtered is what is left of a batch.
type Filtered struct {
	// Batch is the input itself where nothing changed, memory of its own where something did, nil where nothing is left.
	Batch   Batch
	Changed bool
	Read    int // records before
	Kept    int // records after
	// MaxTimestamp is the largest timestamp in ms of the records kept, or -1.
	MaxTimestamp int64
}

// Apply makes a batch of the records of b that are to be kept. Base offset, last offset, base sequence and producer stay as they
// were: an offset is never given to another record, and a producer's sequence goes on where it was.
//
// Errors are those of a Reader: b isn't readable.
func (f *Filter) Apply(b Batch, l Limits) (Filtered, error) {
	if b.Count() == 0 {
		return f.empty(b, Filtered{MaxTimestamp: NoTimestamp}), nil
	}
	res, tombstones, err := f.scan(b, l)
	if err != nil {
		return Filtered{}, err
	}
	if res.Kept == 0 {
		return f.empty(b, res), nil
	}
	_, has := b.DeleteHorizon()
	horizon := !has && (tombstones || f.SetHorizon)
	if res.Kept == res.Read && !horizon {
		res.Batch = b
		return res, nil
	}
	res.Changed = true
	res.Batch, err = f.rebuild(b, l, horizon)
	return res, err
}

// scan counts what will be kept.
func (f *Filter) scan(b Batch, l Limits) (res Filtered, tombstones bool, err error) {
	res.MaxTimestamp = NoTimestamp
	r := Read(b, l)
	defer r.Close()
	for r.Next() {
		res.Read++
		rec := r.Record()
		if f.Keep != nil && !f.Keep(rec) {
			continue
		}
		res.Kept++
		res.MaxTimestamp = max(res.MaxTimestamp, rec.Timestamp)
		tombstones = tombstones || rec.Value == nil
	}
	return res, tombstones, r.Err()
}

// rebuild is a second pass over b, so that a batch that stays as it is, the common case, isn't encoded for nothing. Keep has to
// give the same answers again.
func (f *Filter) rebuild(b Batch, l Limits, horizon bool) (Batch, error) {
	nb := NewBuilder(b.Codec(), f.Level)
	nb.copyHeader(b)
	if ms, ok := b.DeleteHorizon(); ok {
		nb.setHorizon(ms)
	} else if horizon {
		nb.setHorizon(f.Horizon)
	}
	r := Read(b, l)
	defer r.Close()
	for r.Next() {
		rec := r.Record()
		if f.Keep != nil && !f.Keep(rec) {
			continue
		}
		if delta := rec.Offset - b.BaseOffset(); delta <= Offset(nb.last) || delta > Offset(b.LastOffsetDelta()) {
			return nil, errorf(InvalidRecord, "the offset %d is out of its order", rec.Offset)
		}
		nb.append(rec.Offset, rec.Timestamp, rec.Attributes, rec.tail)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	nb.last = b.LastOffsetDelta()
	return nb.Build(), nil
}

// empty is what is left when no record is: nothing, or a header.
func (f *Filter) empty(b Batch, res Filtered) Filtered {
	if !f.KeepEmpty {
		res.Changed = true
		return res
	}
	if len(b) == HeaderSize {
		res.Batch = b
		return res
	}
	res.Batch, res.Changed = emptied(b), true
	return res
}

// emptied is the header of b as that of a batch without records. It keeps no delete horizon.
func emptied(b Batch) Batch {
	h := make(Batch, HeaderSize)
	copy(h, b)
	h.put32(posLength, HeaderSize-LengthOverhead)
	h.put16(posAttributes, b.Attributes()&(attrLogAppendTime|attrTransactional|attrControl))
	h.put64(posBaseTimestamp, NoTimestamp)
	h.put32(posCount, 0)
	h.seal()
	return h
}

// copyHeader takes over what of b doesn't depend on its records.
func (b *Builder) copyHeader(from Batch) {
	h := b.header()
	h.SetBaseOffset(from.BaseOffset())
	h.SetLeaderEpoch(from.LeaderEpoch())
	b.SetProducer(from.ProducerID(), from.ProducerEpoch(), from.BaseSequence(), from.IsTransactional())
	b.attribute(attrControl, from.IsControl())
	b.attribute(attrLogAppendTime, from.TimestampType() == LogAppendTime)
}

// setHorizon gives the batch a delete horizon, which is the base of its timestamps from then on.
func (b *Builder) setHorizon(ms int64) {
	b.attribute(attrDeleteHorizon, true)
	b.base, b.baseFixed = ms, true
}
