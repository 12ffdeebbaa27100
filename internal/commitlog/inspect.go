package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// Contents is what a log directory holds and says of itself.
type Contents struct {
	Path       string
	Meta       bool   // there is a meta.properties
	ClusterID  string // "": it doesn't say
	NodeID     int32  // -1: it doesn't say
	Partitions int    // folders of partitions
	Example    string // name of one of them
	Kafka      string // the name of what only Apache Kafka writes, "" if there is nothing of the kind
	Err        error  // why it can't be read
}

// InspectDir looks at a log directory, which need not exist, without changing or locking it. What isn't understood is
// an error: a later version may have written it.
func InspectDir(fsys vfs.FS, path string) (Contents, error) {
	c := Contents{Path: path, NodeID: -1}
	entries, err := fsys.ReadDir(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.Err = err
		}
		return c, nil
	}
	for _, e := range entries {
		if err := c.see(fsys, e); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Contents) see(fsys vfs.FS, e vfs.DirEntry) error {
	switch e.Name {
	case "__cluster_metadata-0", "bootstrap.checkpoint":
		c.Kafka = e.Name
	case metaPropertiesFile:
		return c.read(fsys, e.Name, c.seeMeta)
	case recoveryPointFile, highWatermarkFile, logStartFile, cleanerFile:
		return c.read(fsys, e.Name, checkCheckpointVersion)
	}
	if _, kind, ok := parseFolder(e.Name); ok && (kind == folderLog || kind == folderFuture) && c.isDir(fsys, e) {
		c.Partitions++
		c.Example = e.Name
	}
	return nil
}

// read gives a file to see.
func (c *Contents) read(fsys vfs.FS, name string, see func([]byte) error) error {
	b, err := vfs.ReadFile(fsys, filepath.Join(c.Path, name))
	if err != nil {
		c.Err = err
		return nil
	}
	if err := see(b); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.Path, name), err)
	}
	return nil
}

// isDir tells whether an entry is a directory or leads to one.
func (c *Contents) isDir(fsys vfs.FS, e vfs.DirEntry) bool {
	if e.IsDir {
		return true
	}
	info, err := fsys.Stat(filepath.Join(c.Path, e.Name))
	return err == nil && info.IsDir
}

func (c *Contents) seeMeta(b []byte) error {
	m, err := decodeMetaProperties(b)
	if err != nil {
		return err
	}
	c.Meta, c.ClusterID, c.NodeID = true, m.clusterID, m.nodeID
	if bytes.Contains(b, []byte("broker.id=")) || bytes.Contains(b, []byte("version=0")) {
		c.Kafka = metaPropertiesFile + " of version 0"
	}
	return nil
}

// checkCheckpointVersion refuses a checkpoint of a later version. One that is damaged is taken for missing when it is read.
func checkCheckpointVersion(b []byte) error {
	line, _, _ := bytes.Cut(b, []byte{'\n'})
	if v, err := strconv.ParseUint(string(line), 10, 31); err == nil && v != 0 {
		return fmt.Errorf("its version is %d, and this version of jocko knows 0: a later one wrote it", v)
	}
	return nil
}

// EnsureID returns the id of a directory that is none of the log directories, and gives it one if it has none.
func EnsureID(fsys vfs.FS, path string, node int32, now time.Time) (protocol.UUID, error) {
	if err := makeDir(fsys, path); err != nil {
		return protocol.UUID{}, err
	}
	m, _, err := readMetaProperties(fsys, path)
	if err != nil || m.directoryID != (protocol.UUID{}) {
		return m.directoryID, err
	}
	m.directoryID, m.nodeID = newDirectoryID(), node
	return m.directoryID, vfs.WriteAtomic(fsys, filepath.Join(path, metaPropertiesFile), m.encode(now))
}
