package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/raft"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// raftDirectory is where a log dir holds the Raft log.
const raftDirectory = "__raft"

// dumpedRecord is one line of the output, and an object with these fields in JSON.
type dumpedRecord struct {
	Index, Term uint64
	Type        string          // empty: an entry without records, which is Raft's own or was discarded
	Record      metadata.Record // nil: as Type
}

func newDumpMetadata() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use:   "dump-metadata [DIR]",
		Short: "Print the metadata records of a node's disk",
		Long: `Print the records of the last metadata snapshot and of the Raft log behind it, one a line, with index and term.

DIR is metadata.log.dir, or the first log dir (default ./jocko-data). Nothing is locked or changed, so the broker may run.
Whether the last entries are committed can't be told from one node's disk.`,
		Example: `  jocko dump-metadata /var/lib/jocko
  jocko dump-metadata --format json | jq 'select(.type == "TopicRecord").record.Name'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "jocko-data"
			if len(args) > 0 {
				dir = args[0]
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			if err := dumpMetadata(out, format, vfs.OS(), dir); err != nil {
				return err
			}
			return out.Flush()
		},
	}
	format.addFlag(cmd)
	return cmd
}

func dumpMetadata(w io.Writer, format outputFormat, fs vfs.FS, dir string) error {
	if _, err := fs.Stat(filepath.Join(dir, raftDirectory)); err == nil {
		dir = filepath.Join(dir, raftDirectory)
	}
	return raft.Dump(fs, dir, func(index, term uint64, records []metadata.Record) error {
		if len(records) == 0 {
			return dumpRecord(w, format, dumpedRecord{Index: index, Term: term})
		}
		for _, r := range records {
			if err := dumpRecord(w, format, dumpedRecord{index, term, reflect.TypeOf(r).Elem().Name(), r}); err != nil {
				return err
			}
		}
		return nil
	})
}

func dumpRecord(w io.Writer, format outputFormat, d dumpedRecord) error {
	fields, err := recordJSON(nil, reflect.ValueOf(d.Record))
	if err != nil {
		return err
	}
	switch {
	case format.json():
		_, err = fmt.Fprintf(w, `{"index":%d,"term":%d,"type":%q,"record":%s}`+"\n", d.Index, d.Term, d.Type, fields)
	case d.Record == nil:
		_, err = fmt.Fprintf(w, "%d %d -\n", d.Index, d.Term)
	default:
		_, err = fmt.Fprintf(w, "%d %d %s %s\n", d.Index, d.Term, d.Type, fields)
	}
	return err
}

// recordJSON prints a record as encoding/json does, except that ids look as Kafka prints them.
func recordJSON(dst []byte, v reflect.Value) (_ []byte, err error) {
	switch v.Kind() {
	case reflect.Invalid:
		return append(dst, "null"...), nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return recordJSON(dst, v.Elem())
	case reflect.Struct:
		dst = append(dst, '{')
		for i := range v.NumField() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(strconv.AppendQuote(dst, v.Type().Field(i).Name), ':')
			if dst, err = recordJSON(dst, v.Field(i)); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			break
		}
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = recordJSON(dst, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	if id, ok := v.Interface().(protocol.UUID); ok {
		return strconv.AppendQuote(dst, id.String()), nil
	}
	text, err := json.Marshal(v.Interface())
	return append(dst, text...), err
}
