package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// probes are what the machine does at this moment, without any broker. The first three decide
// whether a pair was measured on a steady machine; the disk's own figures vary too much for that.
type probes struct {
	memcpy   float64 // GB/s, 64 MiB
	crc      float64 // GB/s, CRC32C of 64 KiB
	loopback float64 // GB/s, one stream, both ends in this process
	append   float64 // GB/s, 64 KiB writes to the page cache
	fsync    float64 // ms, median of fdatasync after 4 KiB
}

// probe takes about a second.
func probe(dir string) (probes, error) {
	var p probes
	var err error
	p.memcpy = probeMemcpy()
	p.crc = probeCRC()
	if p.loopback, err = probeLoopback(); err != nil {
		return p, err
	}
	p.append, p.fsync, err = probeDisk(dir)
	return p, err
}

// differ returns the largest relative difference of the steady probes.
func (p probes) differ(q probes) float64 {
	d := 0.0
	for _, v := range [][2]float64{{p.memcpy, q.memcpy}, {p.crc, q.crc}, {p.loopback, q.loopback}} {
		d = max(d, math.Abs(v[0]-v[1])/max(v[0], v[1]))
	}
	return d
}

// rate repeats f, which handles n bytes, for 150 ms and returns the best GB/s of 5 stretches.
func rate(n int, f func()) float64 {
	best := 0.0
	for range 5 {
		began, done := time.Now(), 0
		for time.Since(began) < 30*time.Millisecond {
			f()
			done += n
		}
		best = max(best, float64(done)/time.Since(began).Seconds()/gb)
	}
	return best
}

func probeMemcpy() float64 {
	a, b := make([]byte, 64*mib), make([]byte, 64*mib)
	for i := range b {
		b[i] = byte(i) // untouched pages would all be the same one
	}
	copy(a, b)
	return rate(len(a), func() { copy(a, b) })
}

func probeCRC() float64 {
	buf := make([]byte, 64<<10)
	var sum uint32
	defer func() { runtime.KeepAlive(sum) }()
	return rate(len(buf), func() { sum ^= crc32.Checksum(buf, castagnoli) })
}

func probeLoopback() (float64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	const total = 512 * mib
	read := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			read <- err
			return
		}
		defer conn.Close()
		buf := make([]byte, mib)
		for left := total; left > 0; {
			n, err := conn.Read(buf)
			if left -= n; err != nil && left > 0 {
				read <- err
				return
			}
		}
		read <- nil
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	began := time.Now()
	buf := make([]byte, mib)
	for range total / mib {
		if _, err := conn.Write(buf); err != nil {
			return 0, err
		}
	}
	if err := <-read; err != nil {
		return 0, err
	}
	return total / time.Since(began).Seconds() / gb, nil
}

func probeDisk(dir string) (appendRate, fsyncMs float64, err error) {
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	buf := make([]byte, 64<<10)
	const total = 256 * mib
	began := time.Now()
	for range total / len(buf) {
		if _, err := f.Write(buf); err != nil {
			return 0, 0, err
		}
	}
	appendRate = total / time.Since(began).Seconds() / gb
	if err := f.Truncate(0); err != nil { // before it costs the disk anything
		return 0, 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	var took []float64
	for range 31 {
		if _, err := f.Write(buf[:4096]); err != nil {
			return 0, 0, err
		}
		began := time.Now()
		if err := datasync(f); err != nil {
			return 0, 0, err
		}
		took = append(took, time.Since(began).Seconds()*1e3)
	}
	return appendRate, median(took), nil
}

func (p probes) String() string {
	return fmt.Sprintf("memcpy %s GB/s, CRC32C %s GB/s, loopback %s GB/s, append %s GB/s, fdatasync %s ms",
		number(p.memcpy), number(p.crc), number(p.loopback), number(p.append), number(p.fsync))
}

func itoa(n int) string { return strconv.Itoa(n) }
