//go:build integration

package xsk

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
)

// finish does what the switch does for a port with partial checksums: if the TCP checksum field of f,
// an IPv4 packet without options, holds the pseudo-header's sum and nothing else, it completes it. It
// reports whether it did.
func finish(pool *frame.Pool, f frame.Frame, scratch []byte) bool {
	p := scratch[:pool.CopyOut(f, scratch)]
	const l3, l4 = 14, 34
	if len(p) < l4+20 || binary.BigEndian.Uint16(p[12:]) != 0x0800 || p[l3] != 0x45 || p[l3+9] != 6 {
		return false
	}
	end := l3 + int(binary.BigEndian.Uint16(p[l3+2:]))
	if end > len(p) {
		return false
	}
	pseudo := sum(p[l3+12:l4], 6+uint32(end-l4))
	if binary.BigEndian.Uint16(p[l4+16:]) != fold(pseudo) || ^fold(sum(p[l4:end], pseudo)) == 0 {
		return false
	}
	// The field itself is part of the sum, as the pseudo-header's.
	binary.BigEndian.PutUint16(pool.Bytes(f)[l4+16:], ^fold(sum(p[l4:end], 0)))
	return true
}

func sum(p []byte, s uint32) uint32 {
	for ; len(p) > 1; p = p[2:] {
		s += uint32(binary.BigEndian.Uint16(p))
		s = s&0xffff + s>>16
	}
	if len(p) == 1 {
		s += uint32(p[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	s = s&0xffff + s>>16
	return uint16(s&0xffff + s>>16)
}

// TestWhatATCPSenderOffloads establishes what arrives at the switch from a host that left its
// interface's offloads alone.
func TestWhatATCPSenderOffloads(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		for _, mtu := range []int{1500, 9000} {
			t.Run(fmt.Sprintf("%s, MTU %d", mode, mtu), func(t *testing.T) {
				w := newWorld(t, pair{mtu: mtu}, pair{mtu: mtu})
				pool := newTestPool(t, 16384)
				a := open(t, pool, w.hosts[0].port, map[string]string{OptMode: mode})
				b := open(t, pool, w.hosts[1].port, map[string]string{OptMode: mode})
				var frames, chains, partial, largest atomic.Int64
				var over atomic.Int64
				scratch := make([]byte, 1<<17)
				f := startForwarder(a, b, func(f frame.Frame) {
					n := int64(pool.Total(f))
					frames.Add(1)
					if f.More() > 0 {
						chains.Add(1)
					}
					if n > int64(mtu)+14 {
						over.Add(1)
					}
					largest.Store(max(largest.Load(), n))
					if finish(pool, f, scratch) {
						partial.Add(1)
					}
				})
				defer f.close()
				const bytes = 8 << 20
				took := w.transfer(t, bytes)
				t.Logf("%d bytes in %v; frames %d, of several buffers %d, beyond MTU %d, largest %d bytes, partial checksums %d",
					bytes, took, frames.Load(), chains.Load(), over.Load(), largest.Load(), partial.Load())
				for i, p := range []*Port{a, b} {
					p.tx(0).counters.Publish()
					for _, s := range p.Samples(p.tx(0).counters.Samples(nil)) {
						if s.Value != 0 {
							t.Logf("port %d %s %d", i, s.Name, s.Value)
						}
					}
				}
			})
		}
	}
}

func (p *Port) tx(i int) *txQueue { return p.queues[i].tx }

// transfer sends n bytes by TCP from host 0 to host 1 and returns how long it took.
func (w *world) transfer(t *testing.T, n int64) time.Duration {
	var l net.Listener
	var err error
	w.hosts[1].on(func() { l, err = net.Listen("tcp4", w.hosts[1].ip.String()+":7000") })
	must(t, err)
	defer l.Close()
	got := make(chan int64)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- -1
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, c)
		got <- n
	}()
	start := time.Now()
	w.hosts[0].on(func() {
		c, err := net.DialTimeout("tcp4", l.Addr().String(), 5*time.Second)
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		if _, err := io.CopyN(c, zeros{}, n); err != nil {
			t.Errorf("send: %v", err)
		}
	})
	select {
	case g := <-got:
		if g != n {
			t.Errorf("%d of %d bytes arrived", g, n)
		}
	case <-time.After(5 * time.Second):
		t.Error("the receiver did not see the end")
	}
	return time.Since(start)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
