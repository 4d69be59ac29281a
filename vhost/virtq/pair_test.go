package virtq_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

func TestWhatTheGuestSendsArrivesAndComesBack(t *testing.T) {
	for _, s := range shapes(64) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			for round := range 200 {
				w.sendAndReturn(round)
			}
		})
	}
}

// sendAndReturn passes some chains of one, two and three readable pieces to the device and back.
func (w *world) sendAndReturn(round int) {
	t := w.t
	t.Helper()
	var want [][]byte
	for i := range 1 + round%7 {
		parts := 1 + (round+i)%3
		var bufs []driver.Buffer
		var packet []byte
		for p := range parts {
			addr := w.data + uint64(i*4096+p*1000)
			text := fmt.Appendf(nil, "round %d packet %d part %d", round, i, p)
			copy(w.at(addr, len(text)), text)
			bufs = append(bufs, driver.Buffer{Addr: addr, Len: uint32(len(text))})
			packet = append(packet, text...)
		}
		if !w.guest.Add(uint32(i), bufs, nil) {
			t.Fatalf("round %d: no room for chain %d", round, i)
		}
		want = append(want, packet)
	}
	w.guest.Publish()
	if n := w.device.Available(); n != len(want) {
		t.Fatalf("round %d: %d chains available, want %d", round, n, len(want))
	}
	n, err := w.device.Take(&w.chains, 64)
	if err != nil || n != len(want) {
		t.Fatalf("round %d: took %d chains, %v; want %d", round, n, err, len(want))
	}
	for i := range n {
		c := w.chains.At(i)
		got := bytes.Join(w.chains.Readable(c), nil)
		if !bytes.Equal(got, want[i]) || len(w.chains.Writable(c)) != 0 {
			t.Fatalf("round %d chain %d: %q, want %q", round, i, got, want[i])
		}
	}
	w.device.Give(&w.chains, n)
	w.device.Publish()
	var done [64]driver.Done
	if got := w.guest.Reap(done[:]); got != n {
		t.Fatalf("round %d: %d chains came back, want %d; %v", round, got, n, w.guest.Err())
	}
	for i, d := range done[:n] {
		if d.Cookie != uint32(i) {
			t.Fatalf("round %d: cookie %d in place %d", round, d.Cookie, i)
		}
	}
}
