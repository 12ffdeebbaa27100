package sim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// office runs client processes, one for each transactional id: when one ends, the next takes its place.
type office struct {
	t      *testing.T
	orders clerkOrders
	books  *books

	mu       sync.Mutex
	closing  bool
	run      int32
	desks    []*clerkProcess        // the present process of each transactional id
	alive    map[*clerkProcess]bool // they and those they replaced, until these end
	frozen   map[*clerkProcess]*time.Timer
	counts   map[string]int // of the lines the processes wrote, by their first word
	failures []string       // the last errors that ended processes
	wg       sync.WaitGroup
}

// clerkProcess is one run of a client process.
type clerkProcess struct {
	desk  int
	cmd   *exec.Cmd
	stdin io.Closer
	log   *logBuffer
}

func newOffice(t *testing.T, o clerkOrders, b *books, desks int) *office {
	f := &office{t: t, orders: o, books: b, desks: make([]*clerkProcess, desks), alive: map[*clerkProcess]bool{}, frozen: map[*clerkProcess]*time.Timer{}, counts: map[string]int{}}
	t.Cleanup(f.killAll)
	for i := range desks {
		f.hire(i)
	}
	return f
}

// hire starts a process for a desk.
func (f *office) hire(desk int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return
	}
	o := f.orders
	f.run++
	o.Run, o.TransactionalID = f.run, fmt.Sprintf("%s-%d", o.Group, desk)
	c, stdout, err := startClerk(o)
	if err != nil {
		f.t.Errorf("a client did not start: %v", err)
		return
	}
	c.desk = desk
	f.desks[desk], f.alive[c] = c, true
	f.wg.Go(func() { f.listen(c, stdout) })
}

func startClerk(o clerkOrders) (*clerkProcess, io.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	env, err := json.Marshal(o)
	if err != nil {
		return nil, nil, err
	}
	c := &clerkProcess{cmd: exec.Command(self), log: new(logBuffer)}
	c.cmd.Env = append(os.Environ(), clerkVariable+"="+string(env))
	c.cmd.Stderr = c.log
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	c.stdin = stdin
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return c, stdout, c.cmd.Start()
}

// listen takes down what a process says until it ends, and has it replaced.
func (f *office) listen(c *clerkProcess, stdout io.Reader) {
	for s := bufio.NewScanner(stdout); s.Scan(); {
		f.take(s.Text())
	}
	_ = c.cmd.Wait() // however it ended
	c.stdin.Close()
	f.mu.Lock()
	delete(f.alive, c)
	if timer := f.frozen[c]; timer != nil {
		timer.Stop()
		delete(f.frozen, c)
	}
	if log := c.log.String(); strings.Contains(log, "panic") {
		f.t.Errorf("a client panicked: %s", tail(log))
	}
	mine := f.desks[c.desk] == c
	f.mu.Unlock()
	if mine {
		f.hire(c.desk)
	}
}

func (f *office) take(line string) {
	word, rest, _ := strings.Cut(line, " ")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[word]++
	switch word {
	case "committed", "aborted":
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			f.t.Errorf("a client said %q", line)
			return
		}
		f.books.ended(tag(n), word == "committed")
	case "failed":
		f.failures = append(f.failures[max(0, len(f.failures)-20):], rest)
	}
}

// kill ends the process at a desk as kill -9 does.
func (f *office) kill(desk int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.desks[desk].cmd.Process.Kill() // it may have ended by itself
	f.counts["killed"]++
}

// freeze stops the process at a desk for a while. If replaced is set, another takes its place meanwhile with the same
// transactional id, and the first wakes up as a zombie.
func (f *office) freeze(desk int, d time.Duration, replaced bool) {
	f.mu.Lock()
	c := f.desks[desk]
	if f.frozen[c] != nil {
		f.mu.Unlock()
		return
	}
	_ = freeze(c.cmd.Process)
	f.frozen[c] = time.AfterFunc(d, func() { f.thaw(c) })
	f.counts["frozen"]++
	if replaced {
		f.counts["replaced"]++
	}
	f.mu.Unlock()
	if replaced {
		f.hire(desk)
	}
}

func (f *office) thaw(c *clerkProcess) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen[c] == nil {
		return
	}
	delete(f.frozen, c)
	_ = thaw(c.cmd.Process)
}

// shut lets all processes finish their transaction and end.
func (f *office) shut() {
	f.mu.Lock()
	f.closing = true
	var frozen []*clerkProcess
	for c, timer := range f.frozen {
		timer.Stop()
		frozen = append(frozen, c)
	}
	for c := range f.alive {
		c.stdin.Close()
	}
	f.mu.Unlock()
	for _, c := range frozen {
		f.thaw(c)
	}
	f.wait(30 * time.Second)
}

// wait waits until all processes have ended and kills those that take too long.
func (f *office) wait(d time.Duration) {
	timer := time.AfterFunc(d, f.killAll)
	defer timer.Stop()
	f.wg.Wait()
}

func (f *office) killAll() {
	f.mu.Lock()
	f.closing = true
	for _, timer := range f.frozen {
		timer.Stop()
	}
	for c := range f.alive {
		_ = c.cmd.Process.Kill()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

// summary tells how the transactions ended that the clients know of, and what happened to them.
func (f *office) summary() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%d committed and %d aborted by clients that could tell; %d kills of clients, %d pauses, %d of them replaced meanwhile, %d clients ended by an error",
		f.counts["committed"], f.counts["aborted"], f.counts["killed"], f.counts["frozen"], f.counts["replaced"], f.counts["failed"])
}
