package commitlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// DumpOptions say how much Dump prints.
type DumpOptions struct {
	Records     bool                                         // a line for each record, not only for each batch
	Data        bool                                         // with keys and values
	MaxBytes    int64                                        // of a .log file; 0: all
	VerifyIndex bool                                         // print of an index only what is wrong with it
	Format      func(rec *record.Record) (key, value string) // of Data; nil: as they are
}

// Dump prints a file of a log as Kafka's dump tool does, line for line. The kind of file is told by its name, with or without
// the suffix of a deleted, cleaned or swapped one; checkpoints and the like, which are text, are printed as they are.
func Dump(w io.Writer, fsys vfs.FS, path string, opt DumpOptions) error {
	out := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintf(out, "Dumping %s\n", path)
	err := dumpFile(out, fsys, path, &opt)
	if ferr := out.Flush(); err == nil {
		err = ferr
	}
	return err
}

var textFiles = []string{
	epochFile, metadataFile, metaPropertiesFile, cleanShutdownFile, recoveryPointFile, highWatermarkFile, logStartFile, cleanerFile,
}

func dumpFile(w *bufio.Writer, fsys vfs.FS, path string, opt *DumpOptions) error {
	name := filepath.Base(path)
	for _, suffix := range []string{deletedSuffix, cleanedSuffix, swapSuffix} {
		name = strings.TrimSuffix(name, suffix)
	}
	if slices.Contains(textFiles, name) {
		b, err := vfs.ReadFile(fsys, path)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	base, suffix, ok := parseOffsetFile(name)
	if !ok {
		return fmt.Errorf("%s is no file of a log", path)
	}
	switch suffix {
	case logSuffix:
		return dumpLog(w, fsys, path, base, opt)
	case indexSuffix:
		return dumpOffsetIndex(w, fsys, path, base, opt)
	case timeIndexSuffix:
		return dumpTimeIndex(w, fsys, path, base, opt)
	case txnIndexSuffix:
		return dumpTxnIndex(w, fsys, path, base)
	case snapshotSuffix:
		return dumpSnapshot(w, fsys, path)
	}
	return fmt.Errorf("%s is no file of a log", path)
}

// dumpLog prints the batches of a .log file up to the first that isn't whole.
func dumpLog(w *bufio.Writer, fsys vfs.FS, path string, base record.Offset, opt *DumpOptions) error {
	fmt.Fprintf(w, "Log starting offset: %d\n", base)
	f, err := fsys.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	sc := newCheckedScan(f, size)
	defer sc.close()
	limit := opt.MaxBytes
	if limit <= 0 {
		limit = math.MaxInt64
	}
	for pos := int64(0); pos < limit; {
		b, n, err := sc.header(pos)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errTorn) {
			fmt.Fprintf(w, "Found %d invalid bytes at the end of %s\n", size-pos, filepath.Base(path))
			return nil
		}
		if err != nil {
			return err
		}
		if err := dumpBatch(w, &sc, f, b, pos, n, opt); err != nil {
			return err
		}
		pos += n
	}
	return nil
}

func dumpBatch(w *bufio.Writer, sc *scan, f vfs.File, b record.Batch, pos, size int64, opt *DumpOptions) error {
	h := record.Batch(slices.Clone(b))
	valid, err := sc.check(pos, size, h.CRC())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d "+
		"partitionLeaderEpoch: %d isTransactional: %v isControl: %v deleteHorizonMs: %s position: %d %s: %d size: %d magic: %d "+
		"compresscodec: %s crc: %d isvalid: %v\n",
		h.BaseOffset(), h.LastOffset(), h.Count(), h.BaseSequence(), h.LastSequence(), h.ProducerID(), h.ProducerEpoch(),
		h.LeaderEpoch(), h.IsTransactional(), h.IsControl(), deleteHorizon(h), pos, timestampName(h), h.MaxTimestamp(), size,
		record.Magic, h.Codec(), h.CRC(), valid)
	if !opt.Records && !opt.Data {
		return nil
	}
	whole := make([]byte, size)
	if _, err := f.ReadAt(whole, pos); err != nil {
		return err
	}
	r := record.Read(whole, record.NoLimits)
	defer r.Close()
	for r.Next() {
		dumpRecord(w, whole, r.Record(), opt)
	}
	if err := r.Err(); err != nil {
		fmt.Fprintf(w, "| unreadable: %v\n", err)
	}
	return nil
}

func deleteHorizon(b record.Batch) string {
	if ms, ok := b.DeleteHorizon(); ok {
		return fmt.Sprintf("OptionalLong[%d]", ms)
	}
	return "OptionalLong.empty"
}

func timestampName(b record.Batch) string {
	if b.TimestampType() == record.LogAppendTime {
		return "LogAppendTime"
	}
	return "CreateTime"
}

func dumpRecord(w *bufio.Writer, b record.Batch, rec *record.Record, opt *DumpOptions) {
	sequence := record.NoSequence
	if b.BaseSequence() != record.NoSequence {
		sequence = record.AddSequence(b.BaseSequence(), int32(rec.Offset-b.BaseOffset()))
	}
	var keys []string
	for h := range rec.Headers() {
		keys = append(keys, string(h.Key))
	}
	fmt.Fprintf(w, "| offset: %d %s: %d keySize: %d valueSize: %d sequence: %d headerKeys: [%s]",
		rec.Offset, timestampName(b), rec.Timestamp, fieldSize(rec.Key), fieldSize(rec.Value), sequence, strings.Join(keys, ","))
	if b.IsControl() {
		dumpMarker(w, b)
	} else if opt.Data {
		dumpData(w, rec, opt)
	}
	w.WriteByte('\n')
}

func fieldSize(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

func dumpMarker(w *bufio.Writer, b record.Batch) {
	m, ok, err := record.ReadMarker(b)
	switch {
	case err != nil:
		fmt.Fprintf(w, " unreadable control record: %v", err)
	case !ok:
		fmt.Fprintf(w, " controlType: UNKNOWN")
	case m.Type == record.Abort:
		fmt.Fprintf(w, " endTxnMarker: ABORT coordinatorEpoch: %d", m.CoordinatorEpoch)
	default:
		fmt.Fprintf(w, " endTxnMarker: COMMIT coordinatorEpoch: %d", m.CoordinatorEpoch)
	}
}

func dumpData(w *bufio.Writer, rec *record.Record, opt *DumpOptions) {
	key, value := string(rec.Key), string(rec.Value)
	if opt.Format != nil {
		key, value = opt.Format(rec)
	}
	if rec.Key != nil {
		fmt.Fprintf(w, " key: %s", key)
	}
	if rec.Value != nil {
		fmt.Fprintf(w, " payload: %s", value)
	}
}

// dumpOffsetIndex prints an index, or compares it with the .log file beside it.
func dumpOffsetIndex(w *bufio.Writer, fsys vfs.FS, path string, base record.Offset, opt *DumpOptions) error {
	b, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return err
	}
	entries, whole := decodeOffsetEntries(b, math.MaxInt32)
	if len(entries) == 0 && whole {
		fmt.Fprintf(w, "%s is empty.\n", path)
	}
	if !opt.VerifyIndex {
		for _, e := range entries {
			fmt.Fprintf(w, "offset: %d position: %d\n", base+record.Offset(e.rel()), e.pos())
		}
	}
	if !whole {
		fmt.Fprintf(w, "Found bytes that are no index entries behind the first %d entries of %s\n", len(entries), path)
	}
	log := strings.TrimSuffix(path, indexSuffix) + logSuffix
	return compareIndex(w, fsys, log, func(sc *scan) {
		for _, e := range entries {
			if b, _, err := sc.header(int64(e.pos())); err != nil || b.LastOffset() != base+record.Offset(e.rel()) {
				fmt.Fprintf(w, "Mismatch: index offset %d at position %d is not the last offset of a batch there\n",
					base+record.Offset(e.rel()), e.pos())
			}
		}
	})
}

// compareIndex calls check with the .log file that an index belongs to, if it is there.
func compareIndex(w *bufio.Writer, fsys vfs.FS, log string, check func(*scan)) error {
	f, err := fsys.Open(log)
	if err != nil {
		fmt.Fprintf(w, "%s can't be read, so the index wasn't compared with it: %v\n", log, err)
		return nil
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	sc := newScan(f, size)
	defer sc.close()
	check(&sc)
	return nil
}

func dumpTimeIndex(w *bufio.Writer, fsys vfs.FS, path string, base record.Offset, opt *DumpOptions) error {
	b, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return err
	}
	entries, whole := decodeTimeEntries(b)
	if !opt.VerifyIndex {
		for _, e := range entries {
			fmt.Fprintf(w, "timestamp: %d offset: %d\n", e.timestamp, base+record.Offset(e.rel))
		}
	}
	if !whole {
		fmt.Fprintf(w, "Found bytes that are no index entries behind the first %d entries of %s\n", len(entries), path)
	}
	return nil
}

func dumpTxnIndex(w *bufio.Writer, fsys vfs.FS, path string, base record.Offset) error {
	b, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return err
	}
	txns, whole := decodeTxnEntries(b, base, math.MaxInt64)
	for _, t := range txns {
		fmt.Fprintf(w, "version: 0 producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d\n",
			t.ProducerID, t.FirstOffset, t.LastOffset, t.LastStable)
	}
	if !whole {
		fmt.Fprintf(w, "Found bytes that are no entries behind the first %d entries of %s\n", len(txns), path)
	}
	return nil
}

func dumpSnapshot(w *bufio.Writer, fsys vfs.FS, path string) error {
	b, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return err
	}
	producers, err := decodeSnapshot(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i := range producers {
		p := &producers[i]
		txn := "OptionalLong.empty"
		if p.txnStart != noOffset {
			txn = fmt.Sprintf("OptionalLong[%d]", p.txnStart)
		}
		fmt.Fprintf(w, "producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s lastTimestamp: %d",
			p.id, p.epoch, p.coordinatorEpoch, txn, p.lastTimestamp)
		if p.count > 0 {
			k := &p.batches[0]
			fmt.Fprintf(w, " firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d",
				k.firstSequence(), k.lastSequence, k.lastOffset, k.offsetDelta, k.timestamp)
		}
		w.WriteByte('\n')
	}
	return nil
}
