package commitlog

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/travisjeffery/jocko/internal/record"
)

// finishSwaps completes a replacement of segments that was interrupted: a .swap file is complete, so the segments whose
// offsets it covers go and it takes their place. The .log files are renamed first: as long as one has the suffix, everything that
// bears a plain name in its range belongs to the old segments. files is brought up to date.
func (l *Log) finishSwaps(files map[string]bool) error {
	var swaps []string
	for name := range files {
		if plain, ok := strings.CutSuffix(name, swapSuffix); ok && isPartitionFile(plain) {
			swaps = append(swaps, name)
		}
	}
	if len(swaps) == 0 {
		return nil
	}
	if err := l.removeSwapped(files, swaps); err != nil {
		return err
	}
	slices.SortFunc(swaps, func(a, b string) int { // .log before its indexes
		return strings.Compare(logFirst(a), logFirst(b))
	})
	for _, name := range swaps {
		plain := strings.TrimSuffix(name, swapSuffix)
		if err := l.env.fs.Rename(filepath.Join(l.folder, name), filepath.Join(l.folder, plain)); err != nil {
			return err
		}
		delete(files, name)
		files[plain] = true
	}
	return l.env.fs.SyncDir(l.folder)
}

func logFirst(name string) string {
	if strings.HasSuffix(name, logSuffix+swapSuffix) {
		return "0" + name
	}
	return "1" + name
}

// removeSwapped removes the segments that .swap files cover.
func (l *Log) removeSwapped(files map[string]bool, swaps []string) error {
	lo, hi := record.Offset(-1), record.Offset(-1)
	for _, name := range swaps {
		base, suffix, ok := parseOffsetFile(strings.TrimSuffix(name, swapSuffix))
		if !ok || suffix != logSuffix {
			continue
		}
		next, err := l.endOfFile(filepath.Join(l.folder, name), base)
		if err != nil {
			return err
		}
		if lo < 0 || base < lo {
			lo = base
		}
		hi = max(hi, next, base+1) // one that is empty takes the place of its namesake all the same
	}
	for name := range files {
		base, suffix, ok := parseOffsetFile(name)
		if ok && slices.Contains(segmentSuffixes, suffix) && lo <= base && base < hi {
			if err := l.env.fs.Remove(filepath.Join(l.folder, name)); err != nil {
				return err
			}
			delete(files, name)
		}
	}
	return nil
}

// endOfFile is the offset after the last batch of a .log file that is not in use yet.
func (l *Log) endOfFile(name string, base record.Offset) (record.Offset, error) {
	f, err := l.env.fs.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	sc := newScan(f, size)
	defer sc.close()
	next := base
	for pos := int64(0); ; {
		b, n, err := sc.header(pos)
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return next, nil
		}
		if err != nil {
			return 0, err
		}
		next = b.NextOffset()
		pos += n
	}
}
