//go:build integration

package xsk

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

func TestEveryQueueReceivesAndSends(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		t.Run(mode, func(t *testing.T) {
			const queues = 3
			w := newWorld(t, pair{rx: queues, tx: queues, peerRx: queues, peerTx: queues})
			h := w.hosts[0]
			p := open(t, newTestPool(t, 32768), h.port, map[string]string{OptMode: mode})
			if got := len(p.RxQueues()); got != queues {
				t.Fatalf("%d receive queues, want %d", got, queues)
			}
			raw := h.raw()
			var b frame.Batch
			for i, tx := range p.TxQueues() {
				want := testFrame(100, uint32(i))
				f, _ := p.queues[i].tx.cache.Get()
				p.pool.SetLen(&f, len(want))
				copy(p.pool.Bytes(f), want)
				b.Append(f)
				tx.Send(&b)
				tx.Flush()
				if got := raw.recv(); !bytes.Equal(got, want) {
					t.Errorf("queue %d: a frame came out as %d bytes or changed", i, len(got))
				}
			}
			// The sender's end hashes flows over its queues; each goes to ours of the same number.
			seen := make([]int, queues)
			for i := range uint32(200) {
				raw.send(udpTo(uint16(i)))
			}
			eventually(t, "all frames received", func() bool {
				total := 0
				for i, q := range p.RxQueues() {
					q.Recv(&b)
					for _, f := range b.Frames() {
						if bytes.HasPrefix(p.pool.Bytes(f)[12:], []byte{0x08, 0x00, 0x45}) {
							seen[i]++
						}
					}
					p.queues[i].rx.cache.PutBatch(&b)
					total += seen[i]
				}
				return total == 200
			})
			t.Logf("received by queue: %v", seen)
		})
	}
}

// udpTo returns an IPv4 UDP packet to a port, which decides its hash.
func udpTo(port uint16) []byte {
	p := make([]byte, 60)
	copy(p, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 9, 1, 10, 9, 9, 2})
	p[36], p[37], p[39] = byte(port>>8), byte(port), 26
	return p
}

func TestFewerQueuesThanTheDeviceHas(t *testing.T) {
	w := newWorld(t, pair{rx: 2, tx: 2})
	p := open(t, newTestPool(t, 8192), w.hosts[0].port, map[string]string{OptQueues: "1"})
	if got, want := fmt.Sprint(note(p, "queues")), "{queues 1 option queues, of 2}"; got != want {
		t.Errorf("note %s, want %s", got, want)
	}
}

func TestNativeModeNeedsAsManyQueuesAsThePeerSendsWith(t *testing.T) {
	w := newWorld(t, pair{peerTx: 2})
	p := open(t, newTestPool(t, 8192), w.hosts[0].port, nil)
	n := note(p, "attach")
	if n.Value != "generic" || n.Reason == "" {
		t.Errorf("attached %+v, want generic and the reason", n)
	}
}
