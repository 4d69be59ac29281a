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

	"github.com/culvertdev/culvert/pmd"
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

// arrivals is what the switch has seen of a sender's packets.
type arrivals struct {
	frames, chains, beyondMTU, largest, partial atomic.Int64
}

// watch returns a hook for a forwarder that counts frames and finishes their checksums.
func (a *arrivals) watch(pool *frame.Pool, mtu int) func(f frame.Frame) {
	scratch := make([]byte, 1<<17)
	return func(f frame.Frame) {
		n := int64(pool.Total(f))
		a.frames.Add(1)
		if f.More() > 0 {
			a.chains.Add(1)
		}
		if n > int64(mtu)+ethernetHeader {
			a.beyondMTU.Add(1)
		}
		a.largest.Store(max(a.largest.Load(), n))
		if finish(pool, f, scratch) {
			a.partial.Add(1)
		}
	}
}

func (a *arrivals) String() string {
	return fmt.Sprintf("frames %d, of several buffers %d, beyond the MTU %d, largest %d bytes, partial checksums %d",
		a.frames.Load(), a.chains.Load(), a.beyondMTU.Load(), a.largest.Load(), a.partial.Load())
}

// What arrives from a TCP sender that left its interface's offloads alone. A native program turns
// segmentation off at the sender, so that nothing beyond the MTU comes; checksums stay undone.
func TestNativeModeTurnsTheSendersSegmentationOff(t *testing.T) {
	for _, mtu := range []int{1500, 9000} {
		t.Run(fmt.Sprintf("MTU %d", mtu), func(t *testing.T) {
			w := newWorld(t, pair{mtu: mtu}, pair{mtu: mtu})
			pool := newTestPool(t, 16384)
			a := open(t, pool, w.hosts[0].port, map[string]string{OptMode: "native"})
			b := open(t, pool, w.hosts[1].port, map[string]string{OptMode: "native"})
			var seen arrivals
			f := startForwarder(a, b, seen.watch(pool, mtu))
			defer f.close()
			const size = 8 << 20
			if got := w.transfer(t, size, 20*time.Second); got != size {
				t.Errorf("%d of %d bytes arrived", got, size)
			}
			t.Log(&seen)
			if n := seen.beyondMTU.Load(); n != 0 {
				t.Errorf("%d frames beyond the MTU", n)
			}
			if seen.partial.Load() == 0 {
				t.Error("no partial checksum: PartialChecksums need not be set")
			}
			if !a.Info().PartialChecksums {
				t.Error("PartialChecksums is not set")
			}
		})
	}
}

// A generic program leaves it on: segments of up to 64 KiB arrive as one packet, in several buffers,
// and nothing tells the size they were to be cut to. Whoever sends them on must cut them to the MTU
// of the port they leave by; here, they are dropped, and TCP crawls along on what is small enough.
func TestGenericModeDeliversUnsegmentedTCP(t *testing.T) {
	for _, c := range []struct {
		multi string
		want  bool // large packets arrive
	}{{"on", true}, {"off", false}} {
		t.Run("multi-buffer "+c.multi, func(t *testing.T) {
			w := newWorld(t, pair{}, pair{})
			pool := newTestPool(t, 16384)
			options := map[string]string{OptMode: "generic", OptMultiBuffer: c.multi}
			a := open(t, pool, w.hosts[0].port, options)
			b := open(t, pool, w.hosts[1].port, options)
			var seen arrivals
			f := startForwarder(a, b, seen.watch(pool, 1500))
			w.transfer(t, 1<<20, 500*time.Millisecond)
			f.close()
			t.Log(&seen)
			if got := seen.beyondMTU.Load() > 0; got != c.want {
				t.Errorf("packets beyond the MTU arrived: %t, want %t", got, c.want)
			}
			b.tx(0).counters.Publish()
			if got := b.tx(0).counters.Value(pmd.TxTooLong); int64(got) != seen.beyondMTU.Load() {
				t.Errorf("tx_too_long = %d, want %d", got, seen.beyondMTU.Load())
			}
			if got := sample(a, "xsk_rx_dropped") > 0; got == c.want {
				t.Errorf("packets were dropped for want of multi-buffer: %t, want %t", got, !c.want)
			}
		})
	}
}

// sample returns the value of one of the port's samples.
func sample(p *Port, name string) uint64 {
	for _, s := range p.Samples(nil) {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

func (p *Port) tx(i int) *txQueue { return p.queues[i].tx }

// transfer sends up to n bytes by TCP from host 0 to host 1, for so long at most, and returns how many
// arrived.
func (w *world) transfer(t testing.TB, n int64, patience time.Duration) int64 {
	t.Helper()
	var l net.Listener
	var err error
	w.hosts[1].on(func() { l, err = net.Listen("tcp4", w.hosts[1].ip.String()+":7000") })
	must(t, err)
	defer l.Close()
	end := time.Now().Add(patience)
	got := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- 0
			return
		}
		defer c.Close()
		_ = c.SetDeadline(end.Add(time.Second))
		n, _ := io.Copy(io.Discard, c) // the deadline ends it, too
		got <- n
	}()
	w.hosts[0].on(func() {
		c, err := net.DialTimeout("tcp4", l.Addr().String(), 5*time.Second)
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(end))
		_, _ = io.CopyN(c, zeros{}, n)
	})
	return <-got
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
