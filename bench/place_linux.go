package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// place puts this process, all its threads, where the placement wants the client, and returns what
// undoes it. Threads that come later inherit it.
func place(placement string) (restore func(), err error) {
	if placement != pinned {
		return func() {}, nil
	}
	if err := setCPUs("1"); err != nil {
		return nil, err
	}
	runtime.GOMAXPROCS(1)
	return func() {
		_ = setCPUs("0-" + strconv.Itoa(runtime.NumCPU()-1)) // it worked a moment ago
		runtime.GOMAXPROCS(runtime.NumCPU())
	}, nil
}

func setCPUs(list string) error {
	out, err := exec.Command("taskset", "-a", "-p", "-c", list, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}
