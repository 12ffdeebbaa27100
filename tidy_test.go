// Package jocko_test holds the rules that the whole tree keeps.
package jocko_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/travisjeffery/jocko/"

// mayImport is the import graph: a package may import what is listed, and no
// other package of this module. A new edge is a change to this table, to be
// seen in review. Test files may import more.
var mayImport = map[string][]string{
	"internal/poison":          {},
	"internal/protocol":        {"internal/poison"},
	"internal/protocol/schema": {},
	"internal/protocol/gen":    {"internal/protocol/schema"},
	"internal/record":          {"internal/poison"},
	"internal/vfs":             {},
	"internal/config":          {},
	"internal/config/gen":      {"internal/config"},
	"internal/metrics":         {},

	"internal/commitlog": {"internal/poison", "internal/protocol", "internal/record", "internal/vfs"},
	"internal/metadata":  {"internal/protocol", "internal/record"},

	"internal/raft":    {"internal/metadata", "internal/protocol", "internal/vfs"},
	"internal/replica": {"internal/commitlog", "internal/config", "internal/metadata", "internal/metrics", "internal/protocol", "internal/record"},

	"internal/controller": {"internal/config", "internal/metadata", "internal/protocol", "internal/record"},

	"internal/coordinator":           {"internal/metadata", "internal/poison", "internal/protocol", "internal/record", "internal/replica"},
	"internal/coordinator/coordtest": {"internal/coordinator", "internal/protocol", "internal/record", "internal/replica"},
	"internal/coordinator/group": {
		"internal/config", "internal/coordinator", "internal/metadata", "internal/metrics", "internal/protocol", "internal/record",
	},
	"internal/coordinator/txn": {
		"internal/config", "internal/coordinator", "internal/metadata", "internal/metrics", "internal/protocol", "internal/record",
	},

	"internal/server": {"internal/metrics", "internal/poison", "internal/protocol"},
	"internal/broker": {
		"internal/commitlog", "internal/config", "internal/controller", "internal/coordinator", "internal/coordinator/group",
		"internal/coordinator/txn", "internal/metadata", "internal/metrics", "internal/poison", "internal/protocol", "internal/raft",
		"internal/record", "internal/replica", "internal/server",
	},
	"internal/admin": {"internal/metrics"},
	"internal/node": {
		"internal/admin", "internal/broker", "internal/commitlog", "internal/config", "internal/controller",
		"internal/coordinator", "internal/coordinator/group", "internal/coordinator/txn", "internal/metadata", "internal/metrics", "internal/protocol", "internal/raft", "internal/record", "internal/replica",
		"internal/server", "internal/vfs",
	},

	"jockotest": {"internal/config", "internal/node", "internal/vfs"},
	"cmd/jocko": {
		"internal/commitlog", "internal/config", "internal/metadata", "internal/node", "internal/poison", "internal/protocol",
		"internal/raft", "internal/record", "internal/vfs",
	},
}

// vagueNames are folder names that say nothing of what is inside.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "base", "misc", "types", "impl", "service"}

func TestImportGraph(t *testing.T) {
	for dir, imports := range packages(t) {
		allowed, known := mayImport[dir]
		if !known {
			t.Errorf("package %s is not in the table of tidy_test.go", dir)
			continue
		}
		for _, imp := range imports {
			if !slices.Contains(allowed, imp) {
				t.Errorf("package %s may not import %s", dir, imp)
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	for dir := range packages(t) {
		if !hasPackageComment(t, dir) {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

func TestNoVagueNames(t *testing.T) {
	for dir := range packages(t) {
		if slices.Contains(vagueNames, filepath.Base(dir)) {
			t.Errorf("package %s: the name says nothing of what is inside", dir)
		}
	}
}

// TestPoolsArePoisoned: only internal/poison names sync.Pool. Everything else takes a
// poison.Pool, which spoils what it is given back. The buffers inside of the gzip and
// zstd libraries can't be reached; the pools in internal/record that spoil nothing for
// that reason say libraryOwned.
func TestPoolsArePoisoned(t *testing.T) {
	eachFile(t, parser.SkipObjectResolution, func(path string, f *ast.File) {
		if filepath.ToSlash(filepath.Dir(path)) == "internal/poison" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && isIdent(s.X, "sync") && s.Sel.Name == "Pool" {
				t.Errorf("%s has a sync.Pool, not a poison.Pool", path)
			}
			return true
		})
	})
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// packages maps the folder of each package of the main module to what its
// non-test files import from this module.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out := make(map[string][]string)
	eachFile(t, parser.ImportsOnly, func(path string, f *ast.File) {
		dir := filepath.ToSlash(filepath.Dir(path))
		out[dir] = append(out[dir], ours(f.Imports)...)
	})
	return out
}

// eachFile parses the non-test files of the main module.
func eachFile(t *testing.T, mode parser.Mode, visit func(path string, f *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(path, d)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
		if err == nil {
			visit(path, f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// skipDir leaves out other modules, test data and hidden folders.
func skipDir(path string, d fs.DirEntry) error {
	if path == "." {
		return nil
	}
	if strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "jocko-data" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

// ours keeps the imports that are packages of this module.
func ours(specs []*ast.ImportSpec) []string {
	var out []string
	for _, spec := range specs {
		path, err := strconv.Unquote(spec.Path.Value)
		if rest, ok := strings.CutPrefix(path, module); err == nil && ok {
			out = append(out, rest)
		}
	}
	return out
}

func hasPackageComment(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc != nil && !strings.HasSuffix(file, "_test.go") {
			return true
		}
	}
	return false
}
