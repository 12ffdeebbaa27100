package commitlog

import (
	"container/heap"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/travisjeffery/jocko/internal/vfs"
)

// trash removes files and folders after a delay: their readers, and operators, have that long. They bear names that are
// removed at the next start anyway.
type trash struct {
	mu    sync.Mutex
	items trashHeap
	wake  chan struct{}
}

type trashItem struct {
	at     time.Time
	name   string
	folder bool
}

func (t *trash) add(name string, delay time.Duration) {
	t.push(trashItem{time.Now().Add(delay), name, false})
}

func (t *trash) addFolder(name string, delay time.Duration) {
	t.push(trashItem{time.Now().Add(delay), name, true})
}

func (t *trash) push(i trashItem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	heap.Push(&t.items, i)
	signal(t.wake)
}

// rename follows a folder that got another name: what was to be removed in it goes with it.
func (t *trash) rename(oldFolder string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.items[:0]
	for _, i := range t.items {
		if len(i.name) <= len(oldFolder) || i.name[:len(oldFolder)] != oldFolder || i.name[len(oldFolder)] != '/' {
			kept = append(kept, i)
		}
	}
	t.items = kept
	heap.Init(&t.items)
}

// run removes what is due until ctx ends.
func (t *trash) run(ctx context.Context, fsys vfs.FS, log *slog.Logger) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(t.removeDue(ctx, fsys, log, time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-timer.C:
		}
	}
}

// removeDue removes what is due and tells how long to wait for the next.
func (t *trash) removeDue(ctx context.Context, fsys vfs.FS, log *slog.Logger, now time.Time) time.Duration {
	for ctx.Err() == nil {
		t.mu.Lock()
		if len(t.items) == 0 || t.items[0].at.After(now) {
			wait := time.Hour
			if len(t.items) > 0 {
				wait = t.items[0].at.Sub(now)
			}
			t.mu.Unlock()
			return wait
		}
		i := heap.Pop(&t.items).(trashItem)
		t.mu.Unlock()
		if err := i.remove(fsys); err != nil {
			log.Warn("a deleted file stays until the next start", "name", i.name, "error", err)
		}
	}
	return time.Hour
}

func (i trashItem) remove(fsys vfs.FS) error {
	if i.folder {
		return removeFolder(fsys, i.name)
	}
	if err := fsys.Remove(i.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeFolder removes a partition's folder. Where it is a link to one, the partition's files go too, and the folder that held
// them stays.
func removeFolder(fsys vfs.FS, name string) error {
	entries, err := fsys.ReadDir(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		_, _, ours := parseOffsetFile(e.Name)
		if e.IsDir || !ours && !strings.HasPrefix(e.Name, epochFile) && !strings.HasPrefix(e.Name, metadataFile) {
			continue
		}
		if err := fsys.Remove(filepath.Join(name, e.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fsys.RemoveAll(name)
}

// trashHeap has what goes first in front.
type trashHeap []trashItem

func (h trashHeap) Len() int           { return len(h) }
func (h trashHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h trashHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *trashHeap) Push(x any)        { *h = append(*h, x.(trashItem)) }
func (h *trashHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
