package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/travisjeffery/jocko/internal/commitlog"
	"github.com/travisjeffery/jocko/internal/config"
	"github.com/travisjeffery/jocko/internal/controller"
	"github.com/travisjeffery/jocko/internal/protocol"
	"github.com/travisjeffery/jocko/internal/raft"
)

// checkOwnership refuses to start on directories that aren't this node's, that lack the metadata log, or that a later
// version wrote. It reads only: what is refused stays as it was, to the byte.
func (n *Node) checkOwnership() (raft.Found, error) {
	found, err := raft.Inspect(n.env.FS, n.raftDir())
	if err != nil {
		return found, fmt.Errorf("%s: %w", n.raftDir(), err)
	}
	dirs, err := n.inspectDirs()
	if err != nil {
		return found, err
	}
	if found.Damage != nil {
		return found, fmt.Errorf("%w. %s", found.Damage, untouched)
	}
	if !found.Begun {
		return found, n.checkUnowned(dirs)
	}
	if err := checkFeatures(found); err != nil {
		return found, err
	}
	for _, d := range dirs {
		if err := n.checkOwned(d, found.Image.ClusterID()); err != nil {
			return found, err
		}
	}
	return found, nil
}

// inspectDirs looks at the log dirs and the directory of the metadata log. Those that can't be read are left out: they will
// be offline.
func (n *Node) inspectDirs() (dirs []commitlog.Contents, err error) {
	paths := slices.Clone(config.Dirs(n.static))
	if !slices.ContainsFunc(paths, func(p string) bool { return filepath.Clean(p) == n.metadataDir() }) {
		paths = append(paths, n.metadataDir())
	}
	for _, path := range paths {
		d, err := commitlog.InspectDir(n.env.FS, path)
		if err != nil {
			return nil, fmt.Errorf("%w. %s", err, untouched)
		}
		if d.Err == nil {
			dirs = append(dirs, d)
		}
	}
	return dirs, nil
}

const untouched = "Nothing was changed. See docs/refused-starts.md"

// checkUnowned refuses directories that hold something when the metadata log is new, for then nothing is known of it.
func (n *Node) checkUnowned(dirs []commitlog.Contents) error {
	for _, d := range dirs {
		if d.Kafka != "" {
			return kafkas(d)
		}
		if other := filepath.Join(d.Path, raftFolder); other != n.raftDir() && n.hasLog(other) {
			return fmt.Errorf("there is no metadata log in %s, but there is one in %s: set metadata.log.dir=%s, or put that directory first "+
				"in log.dirs. %s", n.raftDir(), other, d.Path, untouched)
		}
	}
	for _, d := range dirs {
		switch {
		case d.Partitions > 0:
			return fmt.Errorf("there is no metadata log in %s, but %s holds %d partitions, such as %s, of which nothing is known without "+
				"it. Restore %s, or set metadata.log.dir to where it is; to begin a new cluster, empty the log dirs. If the partitions are "+
				"Apache Kafka's, see docs/migrating.md. %s", n.raftDir(), d.Path, d.Partitions, d.Example, n.raftDir(), untouched)
		case d.ClusterID != "":
			return fmt.Errorf("there is no metadata log in %s, but %s is of the cluster %s. Restore %s, or set metadata.log.dir to where "+
				"it is; to begin a new cluster, empty the log dirs. If the directory is Apache Kafka's, see docs/migrating.md. %s",
				n.raftDir(), d.Path, d.ClusterID, n.raftDir(), untouched)
		}
	}
	return nil
}

func (n *Node) hasLog(raftDir string) bool {
	found, err := raft.Inspect(n.env.FS, raftDir)
	return found.Begun || errors.Is(err, raft.ErrNotUnderstood)
}

func kafkas(d commitlog.Contents) error {
	return fmt.Errorf("%s is a directory of Apache Kafka's: it has %s. This version can't open it. Start with another log.dirs, and "+
		"bring the topics over as docs/migrating.md says. %s", d.Path, d.Kafka, untouched)
}

// checkOwned refuses a directory of another cluster or node, and partitions of unknown origin, beside the cluster's
// metadata log.
func (n *Node) checkOwned(d commitlog.Contents, cluster string) error {
	same := d.ClusterID == cluster && cluster != "" // an earlier version took the directory over
	switch {
	case d.Kafka != "" && !same:
		return kafkas(d)
	case d.ClusterID != "" && cluster != "" && !same:
		return fmt.Errorf("%s is of the cluster %s, says its meta.properties, and the metadata log in %s is of %s. %s", d.Path, d.ClusterID, n.raftDir(), cluster, untouched)
	case d.NodeID >= 0 && d.NodeID != int32(n.self):
		return fmt.Errorf("%s is of node %d, says its meta.properties, and this is node %d. %s", d.Path, d.NodeID, n.self, untouched)
	case d.Partitions > 0 && !d.Meta:
		return fmt.Errorf("%s holds %d partitions, such as %s, and no meta.properties that says whose they are. Restore that file, or move "+
			"the partitions elsewhere. %s", d.Path, d.Partitions, d.Example, untouched)
	}
	return nil
}

// checkFeatures refuses features at levels that this version doesn't have: there may be records that only look familiar.
func checkFeatures(found raft.Found) error {
	for name, level := range found.Image.Features() {
		i := slices.IndexFunc(controller.Features, func(f controller.Feature) bool { return f.Name == name })
		switch {
		case i < 0:
			return fmt.Errorf("the cluster has the feature %s at level %d, and this version doesn't know it: a later one has to be "+
				"started. %s", name, level, untouched)
		case level > controller.Features[i].Max:
			return fmt.Errorf("the cluster has the feature %s at level %d, and this version goes up to %d: a later one has to be started. %s",
				name, level, controller.Features[i].Max, untouched)
		}
	}
	return nil
}

// directoryID is Raft's name for the directory that the metadata log is in: what a log that this node began alone says, and
// else the id of that directory. Log dirs come and go without changing it.
func (n *Node) directoryID(found raft.Found) (protocol.UUID, error) {
	if found.Directory != (protocol.UUID{}) {
		return found.Directory, nil
	}
	for _, d := range n.dirs.List() {
		if filepath.Clean(d.Path) == n.metadataDir() && d.Err == nil {
			return d.ID, nil
		}
	}
	return commitlog.EnsureID(n.env.FS, n.metadataDir(), int32(n.self), n.env.Now())
}
