package commitlog

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/travisjeffery/jocko/internal/record"
)

// A log directory holds one folder for each partition:
//
//	topic-N                    the partition
//	topic-N.<32 hex>-delete    deleted, its files go after file.delete.delay.ms
//	topic-N.<32 hex>-future    the copy that will replace the partition's folder in another log directory
//	topic-N.<32 hex>-stray     a folder that no metadata claims: kept for the operator
//
// and in it files that are named by the first offset they may hold, in 20 digits.

// TP names a partition.
type TP struct {
	Topic     string
	Partition int32
}

// String is the name of the partition's folder, which is also how people write it.
func (tp TP) String() string { return tp.Topic + "-" + strconv.Itoa(int(tp.Partition)) }

func (tp TP) compare(o TP) int {
	if c := strings.Compare(tp.Topic, o.Topic); c != 0 {
		return c
	}
	return int(tp.Partition) - int(o.Partition)
}

type folderKind uint8

const (
	folderLog folderKind = iota
	folderDeleted
	folderFuture
	folderStray
)

var folderSuffixes = [...]string{folderDeleted: "-delete", folderFuture: "-future", folderStray: "-stray"}

// maxFolderName is the longest file name that file systems take.
const maxFolderName = 255

// folderName is the name of a partition's folder of the given kind; all but the plain kind get a new random part. Where
// that makes it too long, the topic's name is cut: such folders are found again by their suffix.
func folderName(tp TP, kind folderKind) string {
	if kind == folderLog {
		return tp.String()
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (package crypto/rand)
	tail := "-" + strconv.Itoa(int(tp.Partition)) + "." + hex.EncodeToString(id[:]) + folderSuffixes[kind]
	topic := tp.Topic
	if n := maxFolderName - len(tail); len(topic) > n {
		topic = topic[:n]
	}
	return topic + tail
}

// parseFolder reads a folder's name. ok is false where it is no partition's.
func parseFolder(name string) (tp TP, kind folderKind, ok bool) {
	for k := folderDeleted; k <= folderStray; k++ {
		rest, found := strings.CutSuffix(name, folderSuffixes[k])
		if !found {
			continue
		}
		if dot := strings.LastIndexByte(rest, '.'); dot > 0 && isHex32(rest[dot+1:]) {
			tp, ok = parsePartition(rest[:dot])
			return tp, k, ok
		}
	}
	tp, ok = parsePartition(name)
	return tp, folderLog, ok
}

func isHex32(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 32
}

func parsePartition(s string) (TP, bool) {
	dash := strings.LastIndexByte(s, '-')
	if dash <= 0 {
		return TP{}, false
	}
	n, err := strconv.ParseInt(s[dash+1:], 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s[dash+1:] {
		return TP{}, false
	}
	return TP{s[:dash], int32(n)}, true
}

// Suffixes of the files of a segment, and of their states.
const (
	logSuffix       = ".log"
	indexSuffix     = ".index"
	timeIndexSuffix = ".timeindex"
	txnIndexSuffix  = ".txnindex"
	snapshotSuffix  = ".snapshot"

	deletedSuffix = ".deleted" // replaced or expired, removed after a delay; removed at start
	cleanedSuffix = ".cleaned" // compaction's output, unfinished; removed at start
	swapSuffix    = ".swap"    // compaction's output, complete; put in place at start
	tmpSuffix     = ".tmp"     // an unfinished checkpoint; removed at start
)

// Files of a partition's folder that belong to no segment.
const (
	epochFile    = "leader-epoch-checkpoint"
	metadataFile = "partition.metadata"
)

func offsetFile(base record.Offset, suffix string) string {
	return fmt.Sprintf("%020d%s", int64(base), suffix)
}

// parseOffsetFile splits a name into the offset and what follows it.
func parseOffsetFile(name string) (base record.Offset, suffix string, ok bool) {
	if len(name) <= 20 || name[20] != '.' {
		return 0, "", false
	}
	n, err := strconv.ParseUint(name[:20], 10, 63)
	if err != nil {
		return 0, "", false
	}
	return record.Offset(n), name[20:], true
}
