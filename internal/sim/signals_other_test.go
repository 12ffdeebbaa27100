//go:build !unix

package sim

import "os"

// Without these signals no process is paused.
func freeze(*os.Process) error { return nil }
func thaw(*os.Process) error   { return nil }
