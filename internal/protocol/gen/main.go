// Command gen writes the generated files of internal/protocol from the schemas in internal/protocol/schema: one file per
// schema file, the table of API keys, and the error codes. It is run by go generate in internal/protocol.
//
// Its main function is Generate, which returns the files by name; its invariant is that equal schemas give equal bytes,
// so that a test can compare what is committed with what the schemas say.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", ".", "the folder of package protocol")
	flag.Parse()
	files, err := Generate()
	if err != nil {
		log.Fatal(err)
	}
	if err := write(*dir, files); err != nil {
		log.Fatal(err)
	}
}

// write puts the files into dir and removes generated files that no schema asks for.
func write(dir string, files map[string][]byte) error {
	old, err := filepath.Glob(filepath.Join(dir, "zz_generated_*.go"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if files[filepath.Base(name)] == nil {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
