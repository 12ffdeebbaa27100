package commitlog

import (
	"errors"
	"io"
	"math"

	"github.com/travisjeffery/jocko/internal/record"
)

// dirtyPart is what the cleaner may compact of a log: whole sealed segments in which everything is decided.
type dirtyPart struct {
	sources    []cleanSource // from the log's start
	from, to   record.Offset // the dirty part; what lies below was compacted before
	cleanBytes int64
	dirtyBytes int64
	waited     bool // longer than max.compaction.lag.ms
	minRatio   float64
}

// cleanSource is a segment as it was when it was looked at.
type cleanSource struct {
	seg    *segment
	size   int64
	next   record.Offset // where the following segment begins
	synced bool
}

func (p *dirtyPart) ratio() float64 {
	if p.dirtyBytes == 0 {
		return 0
	}
	return float64(p.dirtyBytes) / float64(p.cleanBytes+p.dirtyBytes)
}

// due tells whether the log should be compacted.
func (p *dirtyPart) due() bool { return p.dirtyBytes > 0 && (p.waited || p.ratio() > p.minRatio) }

// cutUnsynced ends the part before the first segment that isn't on disk as a whole, and tells whether there was one.
func (p *dirtyPart) cutUnsynced() bool {
	for i, s := range p.sources {
		if !s.synced {
			p.sources = p.sources[:i]
			p.to = p.from
			if i > 0 {
				p.to = max(p.from, p.sources[i-1].next)
			}
			return true
		}
	}
	return false
}

// dirtyPart finds what may be compacted. It ends at a segment's end, below the active segment, the high watermark, the
// last stable offset, and the first segment with a record younger than min.compaction.lag.ms. A log that no topic has claimed
// has none.
func (l *Log) dirtyPart() (dirtyPart, error) {
	if !l.claimed.Load() {
		return dirtyPart{}, nil
	}
	p, cfg := l.stablePart()
	now := l.env.nowMs()
	dirty := 0
	for dirty < len(p.sources) && p.sources[dirty].next <= p.from {
		dirty++
	}
	if cfg.MinCompactionLag > 0 {
		n, err := l.countOlder(p.sources[dirty:], now-cfg.MinCompactionLag.Milliseconds())
		if err != nil {
			return p, err
		}
		p.sources = p.sources[:dirty+n]
	}
	for i, s := range p.sources {
		if i < dirty {
			p.cleanBytes += s.size
		} else {
			p.dirtyBytes += s.size
		}
		p.to = max(p.to, s.next)
	}
	if cfg.MaxCompactionLag == math.MaxInt64 {
		return p, nil
	}
	first, err := l.firstTimestamp(p.sources[dirty:])
	lag := max(cfg.MaxCompactionLag, cfg.MinCompactionLag)
	p.waited = first > 0 && now-first > lag.Milliseconds()
	return p, err
}

// stablePart lists the segments in which every offset is replicated and decided.
func (l *Log) stablePart() (dirtyPart, LogConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stable := l.HighWatermark()
	if first, open := l.producers.firstUnstable(); open {
		stable = min(stable, first)
	}
	p := dirtyPart{from: record.Offset(l.cleanedTo.Load()), minRatio: l.cfg.MinCleanableRatio}
	if begin := l.segments[0].base; p.from < begin || p.from > l.activeLocked().base {
		p.from = begin // never compacted, or the checkpoint speaks of records that are gone
	}
	p.to = p.from
	for i, s := range l.segments[:len(l.segments)-1] {
		next := l.segments[i+1].base
		if next > stable {
			break
		}
		p.sources = append(p.sources, cleanSource{s, s.size, next, s.synced})
	}
	return p, *l.cfg
}

// countOlder counts the segments before the first one with a record later than a time.
func (l *Log) countOlder(sources []cleanSource, latest int64) (int, error) {
	for i, s := range sources {
		ts, err := l.segmentTimestamp(s.seg)
		if err != nil {
			return 0, err
		}
		if ts < 0 {
			ts = s.seg.modified
		}
		if ts > latest {
			return i, nil
		}
	}
	return len(sources), nil
}

// firstTimestamp is the earliest of the segments' first batches, 0 where none has a timestamp.
func (l *Log) firstTimestamp(sources []cleanSource) (int64, error) {
	earliest := int64(0)
	for _, s := range sources {
		ts, err := l.firstTimestampOf(s)
		if err != nil {
			return 0, err
		}
		if ts > 0 && (earliest == 0 || ts < earliest) {
			earliest = ts
		}
	}
	return earliest, nil
}

func (l *Log) firstTimestampOf(s cleanSource) (int64, error) {
	l.mu.Lock()
	known, folder := s.seg.firstTimestamp, l.folder
	l.mu.Unlock()
	if known != timestampUnknown || s.size == 0 {
		return known, nil
	}
	h, err := l.env.fds.reader(l.env.fs, s.seg, folder)
	if err != nil {
		return 0, err
	}
	defer h.Unpin()
	sc := newScan(h.file, s.size)
	defer sc.close()
	b, _, err := sc.header(0)
	if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
		return 0, nil // compaction will say what is wrong
	}
	if err != nil {
		return 0, err
	}
	ts := b.MaxTimestamp()
	l.mu.Lock()
	defer l.mu.Unlock()
	s.seg.firstTimestamp = ts
	return ts, nil
}
