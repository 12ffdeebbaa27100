package commitlog

import (
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/travisjeffery/jocko/internal/record"
)

// finishSwaps completes a replacement of segments that was interrupted: a .swap file is complete, so the segments whose
// offsets it covers go and it takes their place. files is brought up to date.
func (l *Log) finishSwaps(files map[string]bool) error {
	lo, hi := record.Offset(-1), record.Offset(-1)
	for name := range files {
		plain, isSwap := strings.CutSuffix(name, swapSuffix)
		base, suffix, ok := parseOffsetFile(plain)
		if !isSwap || !ok || suffix != logSuffix {
			continue
		}
		next, err := l.endOfFile(filepath.Join(l.folder, name), base)
		if err != nil {
			return err
		}
		if lo < 0 || base < lo {
			lo = base
		}
		hi = max(hi, next)
	}
	for name := range files {
		base, suffix, ok := parseOffsetFile(name)
		if ok && !strings.HasSuffix(suffix, swapSuffix) && suffix != snapshotSuffix && lo >= 0 && lo <= base && base < hi {
			if err := l.env.fs.Remove(filepath.Join(l.folder, name)); err != nil {
				return err
			}
			delete(files, name)
		}
	}
	for name := range files {
		plain, isSwap := strings.CutSuffix(name, swapSuffix)
		if !isSwap {
			continue
		}
		if err := l.env.fs.Rename(filepath.Join(l.folder, name), filepath.Join(l.folder, plain)); err != nil {
			return err
		}
		delete(files, name)
		files[plain] = true
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
