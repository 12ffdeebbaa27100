package commitlog

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/travisjeffery/jocko/internal/record"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// TestGeneration: every change of what is below the end changes the generation, and nothing else does.
func TestGeneration(t *testing.T) {
	moving := []struct {
		name    string
		do      func(d *Dirs, l *Log) error
		changes bool
	}{
		{"append", func(_ *Dirs, l *Log) error { mustAppend(t, l, keyedBatch(record.None, 0, 1, 1, 10)); return nil }, false},
		{"roll", func(_ *Dirs, l *Log) error { return l.Roll() }, false},
		{"flush", func(_ *Dirs, l *Log) error { return l.Flush() }, false},
		{"high watermark", func(_ *Dirs, l *Log) error { l.UpdateHighWatermark(l.End()); return nil }, false},
		{"delete records", func(_ *Dirs, l *Log) error { return l.SetStart(2) }, false},
		{"configuration", func(_ *Dirs, l *Log) error { l.SetConfig(compactConfig()); return nil }, false},
		{"compaction", func(d *Dirs, l *Log) error { return d.CleanNow(t.Context(), l) }, true},
		{"retention", func(_ *Dirs, l *Log) error { _, err := l.Retain(); return err }, true},
		{"truncation in the last segment", func(_ *Dirs, l *Log) error { return l.Truncate(l.End() - 1) }, true},
		{"truncation of segments", func(_ *Dirs, l *Log) error { return l.Truncate(l.Segments()[1].Base) }, true},
		{"truncation above the end", func(_ *Dirs, l *Log) error { return l.Truncate(l.End() + 10) }, false},
		{"new beginning at the end", func(_ *Dirs, l *Log) error { return l.TruncateFully(l.End()) }, true},
		{"new beginning above the end", func(_ *Dirs, l *Log) error { return l.TruncateFully(l.End() + 10) }, true},
		{"move", func(d *Dirs, l *Log) error { return moveTo(d, l, "/other") }, true},
		{"offline", func(_ *Dirs, l *Log) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.failLocked(errors.New("bad"))
			return nil
		}, true},
		{"deletion", func(d *Dirs, l *Log) error { return d.Delete(l) }, true},
	}
	for _, test := range moving {
		t.Run(test.name, func(t *testing.T) {
			d := openDirs(t, vfs.NewMem(), testOptions("/data", "/other"))
			l := createLog(t, d, "t", compactConfig())
			for i := range 6 {
				appendCommitted(t, l, keyedBatch(record.None, i, 2, 2, 100))
				if i%2 == 1 {
					if err := errors.Join(l.Roll(), l.Flush()); err != nil {
						t.Fatal(err)
					}
				}
			}
			appendCommitted(t, l, keyedBatch(record.None, 0, 2, 2, 100))
			if test.name == "retention" {
				if err := l.SetStart(l.Segments()[1].Base); err != nil {
					t.Fatal(err)
				}
			}
			before := l.Generation()
			if err := test.do(d, l); err != nil {
				t.Fatal(err)
			}
			if changed := l.Generation() != before; changed != test.changes {
				t.Errorf("the generation changed: %t, want %t", changed, test.changes)
			}
		})
	}
}

// moveTo moves a log as Dirs.Run does.
func moveTo(d *Dirs, l *Log, path string) error {
	if err := d.Move(l, path); err != nil {
		return err
	}
	return d.nextMove().run(context.Background())
}

// TestGenerationIsNotPassedBy: once a log is open, its segments, their sizes and its end change only in the functions that
// change the generation with them.
func TestGenerationIsNotPassedBy(t *testing.T) {
	may := []string{"setSegmentsLocked", "setEndLocked", "reloadSegmentLocked"} // the last one cuts above a lower end
	opening := []string{"open.go", "recovery.go", "segment_load.go"}            // before the log is read
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || slices.Contains(opening, name) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || slices.Contains(may, fn.Name.Name) {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if what := changesBelowEnd(n); what != "" {
					t.Errorf("%s: %s changes %s by itself; setSegmentsLocked and setEndLocked do it", name, fn.Name.Name, what)
				}
				return true
			})
		}
	}
}

// changesBelowEnd names what a statement changes: x.segments or x.size by assignment, x.end by Store.
func changesBelowEnd(n ast.Node) string {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, lhs := range n.Lhs {
			if sel, ok := lhs.(*ast.SelectorExpr); ok && n.Tok == token.ASSIGN && (sel.Sel.Name == "segments" || sel.Sel.Name == "size") {
				return sel.Sel.Name
			}
		}
	case *ast.CallExpr:
		if call, ok := n.Fun.(*ast.SelectorExpr); ok && call.Sel.Name == "Store" {
			if sel, ok := call.X.(*ast.SelectorExpr); ok && sel.Sel.Name == "end" {
				return "end"
			}
		}
	case *ast.UnaryExpr:
		if sel, ok := n.X.(*ast.SelectorExpr); ok && n.Op == token.AND && sel.Sel.Name == "end" {
			return "end"
		}
	}
	return ""
}
