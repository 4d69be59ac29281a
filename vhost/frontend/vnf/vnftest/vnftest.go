// Package vnftest is a switch for tests of network functions: back ends to their ports, whose packets the test sends and
// receives.
package vnftest

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
)

// patience is how long the switch waits for anything.
const patience = 10 * time.Second

// probe is what shows that a port has a link.
var probe = append(bytes.Repeat([]byte{2}, 12), 0xff, 0xff)

// A Switch is the other end of a function's ports.
//
// Thread-safety: the test's goroutine alone.
type Switch struct {
	t     testing.TB
	pool  *frame.Pool
	cache *frame.Cache
	ports []pmd.Port
	batch frame.Batch
}

// Paths returns paths for the sockets of n ports, in a directory that goes with the test.
func Paths(t testing.TB, n int) (paths []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "vnf") // t.TempDir's are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i := range n {
		paths = append(paths, dir+"/"+string(rune('a'+i)))
	}
	return paths
}

// Connect returns a switch that is connected to ports listening on the paths, and closed when the test ends. It waits until
// the function has a link on each of them: a packet without content, of Ethernet type 0xffff, is taken by each, and what
// the function makes of those is forgotten.
func Connect(t testing.TB, paths ...string) *Switch {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 1024, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &Switch{t: t, pool: pool}
	if s.cache, err = pool.NewCache(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for _, path := range paths {
		p, err := vhost.Open(path, vhost.Options{Pool: pool, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		s.ports = append(s.ports, p)
	}
	for i, p := range s.ports {
		s.wait(p.LinkUp, "no link")
		s.Send(i, probe)
	}
	for !s.Silent() {
	}
	return s
}

// wait waits until ok, and fails the test if that takes too long.
func (s *Switch) wait(ok func() bool, problem string) {
	s.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(end) {
			s.t.Fatal(problem)
		}
	}
}

// Send sends a packet to the function's port with that number.
func (s *Switch) Send(port int, p []byte) {
	s.t.Helper()
	tx := s.ports[port].TxQueues()[0]
	s.wait(func() bool {
		f, ok := s.cache.FromBytes(p)
		if !ok {
			return false
		}
		s.batch.Append(f)
		n := tx.Send(&s.batch)
		tx.Flush()
		return n == 1 // else the function has not posted buffers yet
	}, "the function takes no packet")
}

// Recv waits for the next packet that the function sends by its port with that number.
func (s *Switch) Recv(port int) (p []byte) {
	s.t.Helper()
	s.wait(func() bool { p = s.poll(port); return p != nil }, "no packet comes from the function")
	return p
}

// Silent reports whether the function sends nothing by any port for a while.
func (s *Switch) Silent() bool {
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for port := range s.ports {
			if s.poll(port) != nil {
				return false
			}
		}
	}
	return true
}

// poll returns a packet, or nil if there is none.
func (s *Switch) poll(port int) (p []byte) {
	if s.batch.Reset(); s.ports[port].RxQueues()[0].Recv(&s.batch) == 0 {
		return nil
	}
	p = s.pool.AppendTo(nil, s.batch.Frames()[0])
	if n := s.batch.Len(); n > 1 {
		s.t.Errorf("%d packets at once, want one after the other", n)
	}
	s.cache.PutBatch(&s.batch)
	return p
}

func (s *Switch) close() {
	for _, p := range s.ports {
		if err := p.Close(); err != nil {
			s.t.Error(err)
		}
	}
	s.cache.Close()
	if err := s.pool.Close(); err != nil {
		s.t.Error(err)
	}
}
