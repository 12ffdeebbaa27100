package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// meta.properties says to whom a log directory belongs, as Java writes a properties file:
//
//	#
//	#Mon Nov 23 13:27:00 UTC 2026
//	cluster.id=4L6g3nShT-eMCtK--X86sw
//	directory.id=ZUDE4yzYTTGfyvVMYrCnNg
//	node.id=1
//	version=1

const metaPropertiesFile = "meta.properties"

// metaProperties is what the file says. Lines we don't know are kept.
type metaProperties struct {
	clusterID   string        // "": not known yet
	nodeID      int32         // -1: not known yet
	directoryID protocol.UUID // zero: none yet
	others      map[string]string
}

var propertyEscapes = strings.NewReplacer(`\`, `\\`, ":", `\:`, "=", `\=`, "#", `\#`, "!", `\!`)

func (m *metaProperties) encode(now time.Time) []byte {
	p := map[string]string{"version": "1"}
	for k, v := range m.others {
		p[k] = v
	}
	if m.clusterID != "" {
		p["cluster.id"] = m.clusterID
	}
	if m.nodeID >= 0 {
		p["node.id"] = strconv.Itoa(int(m.nodeID))
	}
	if m.directoryID != (protocol.UUID{}) {
		p["directory.id"] = m.directoryID.String()
	}
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	b := []byte("#\n#" + now.UTC().Format("Mon Jan 02 15:04:05 MST 2006") + "\n")
	for _, k := range keys {
		b = append(b, k+"="+propertyEscapes.Replace(p[k])+"\n"...)
	}
	return b
}

func decodeMetaProperties(b []byte) (metaProperties, error) {
	m := metaProperties{nodeID: -1, others: make(map[string]string)}
	version := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		k, v, _ := strings.Cut(line, "=")
		v = unescapeProperty(v)
		var err error
		switch k {
		case "version":
			version = v
		case "cluster.id":
			m.clusterID = v
		case "node.id", "broker.id":
			var n int64
			n, err = strconv.ParseInt(v, 10, 32)
			m.nodeID = int32(n)
		case "directory.id":
			m.directoryID, err = protocol.ParseUUID(v)
		default:
			m.others[k] = v
		}
		if err != nil {
			return m, fmt.Errorf("%s: %q: %w", metaPropertiesFile, line, err)
		}
	}
	if version != "0" && version != "1" {
		return m, fmt.Errorf("%s: version %q, not 1", metaPropertiesFile, version)
	}
	return m, nil
}

func unescapeProperty(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// readMetaProperties reads a directory's file; found is false where it has none.
func readMetaProperties(fsys vfs.FS, dir string) (m metaProperties, found bool, err error) {
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, metaPropertiesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return metaProperties{nodeID: -1}, false, nil
	}
	if err != nil {
		return metaProperties{}, false, err
	}
	m, err = decodeMetaProperties(b)
	return m, true, err
}
