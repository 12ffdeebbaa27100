package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/vfs"
)

// partition.metadata says to which topic a folder belongs, for names are given again:
//
//	version: 0
//	topic_id: ZUDE4yzYTTGfyvVMYrCnNg

func encodePartitionMetadata(id protocol.UUID) []byte {
	return []byte("version: 0\ntopic_id: " + id.String())
}

var errPartitionMetadata = errors.New(metadataFile + " is damaged")

func decodePartitionMetadata(b []byte) (protocol.UUID, error) {
	version, rest, _ := strings.Cut(string(b), "\n")
	id, more, _ := strings.Cut(rest, "\n")
	id, ok := strings.CutPrefix(id, "topic_id: ")
	if version != "version: 0" || !ok || strings.TrimSpace(more) != "" {
		return protocol.UUID{}, errPartitionMetadata
	}
	u, err := protocol.ParseUUID(strings.TrimSpace(id))
	if err != nil || u == (protocol.UUID{}) {
		return protocol.UUID{}, errPartitionMetadata
	}
	return u, nil
}

// readPartitionMetadata reads a folder's file. A missing or damaged one is the zero UUID: whoever knows the topic's id
// gives it with SetTopicID. One of a later version is an error.
func readPartitionMetadata(fsys vfs.FS, folder string) (protocol.UUID, error) {
	b, err := vfs.ReadFile(fsys, filepath.Join(folder, metadataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return protocol.UUID{}, nil
	}
	if err != nil {
		return protocol.UUID{}, err
	}
	version, ok := strings.CutPrefix(strings.SplitN(string(b), "\n", 2)[0], "version: ")
	if n, err := strconv.ParseUint(version, 10, 31); ok && err == nil && n != 0 {
		return protocol.UUID{}, fmt.Errorf("%w: %s is of version %d: a later version of jocko wrote it", protocol.ErrKafkaStorageError, metadataFile, n)
	}
	id, _ := decodePartitionMetadata(b)
	return id, nil
}

// SetTopicID gives a log that has none the id of its topic. Another id than it has is an error: the folder is another
// topic's of the same name. A log that is offline is given none.
func (l *Log) SetTopicID(id protocol.UUID) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	old, folder, err := l.topicID, l.folder, l.err
	l.mu.Unlock()
	switch {
	case old == id:
		return nil
	case old == (protocol.UUID{}) && err != nil:
		return err // it could not be read, and may have an id
	}
	if old != (protocol.UUID{}) {
		return fmt.Errorf("%w: the folder %s is that of topic id %s, not %s", protocol.ErrInconsistentTopicId, folder, old, id)
	}
	if err := vfs.WriteAtomic(l.env.fs, filepath.Join(folder, metadataFile), encodePartitionMetadata(id)); err != nil {
		return l.logDir().ioError("write "+metadataFile, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topicID = id
	return nil
}
