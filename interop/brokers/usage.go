package brokers

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used, read from /proc.
type Usage struct {
	CPU     time.Duration // user and system time
	User    time.Duration
	PSS     int64 // proportional set size in bytes, without the page cache of files
	RSS     int64 // resident set size in bytes
	Peak    int64 // highest resident set size in bytes
	FDs     int
	Threads int
	Maps    int
}

// ticksPerSecond is the unit of utime and stime in /proc/PID/stat; the kernel fixes it at 100 for
// user space on every architecture Go runs on.
const ticksPerSecond = 100

// Usage reads what the broker has used so far. It works on Linux alone.
func (b *Broker) Usage() (Usage, error) { return ReadUsage(b.PID()) }

// CPU is Usage without the memory figures: cheap enough to call around a measurement.
func (b *Broker) CPU() (time.Duration, error) {
	var u Usage
	err := u.readStat(fmt.Sprintf("/proc/%d/stat", b.PID()))
	return u.CPU, err
}

// ReadUsage is Usage of any process.
func ReadUsage(pid int) (Usage, error) {
	var u Usage
	dir := fmt.Sprintf("/proc/%d/", pid)
	if err := u.readStat(dir + "stat"); err != nil {
		return u, err
	}
	rollup, err := os.ReadFile(dir + "smaps_rollup")
	if err != nil {
		return u, err
	}
	u.PSS, u.RSS = kib(rollup, "Pss:"), kib(rollup, "Rss:")
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return u, err
	}
	u.Peak = kib(status, "VmHWM:")
	u.Threads = int(field(status, "Threads:"))
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		return u, err
	}
	u.FDs = len(fds)
	maps, err := os.ReadFile(dir + "maps")
	if err != nil {
		return u, err
	}
	u.Maps = bytes.Count(maps, []byte("\n"))
	return u, nil
}

func (u *Usage) readStat(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, rest, ok := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return fmt.Errorf("unexpected format of %s", name)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	if err != nil {
		return err
	}
	u.User = time.Duration(user) * time.Second / ticksPerSecond
	u.CPU = time.Duration(user+system) * time.Second / ticksPerSecond
	return nil
}

func kib(data []byte, key string) int64 { return field(data, key) << 10 }

// field returns the number after key in a file of "key: number unit" lines, 0 when it isn't there.
func field(data []byte, key string) int64 {
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) >= 2 && f[0] == key {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
