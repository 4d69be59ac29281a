//go:build integration

package xsk

import (
	"bytes"
	"fmt"
	"testing"
)

func TestForwardBetweenTwoVethPorts(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		for _, mtu := range []int{1500, 9000} {
			t.Run(fmt.Sprintf("%s, MTU %d", mode, mtu), func(t *testing.T) {
				w := newWorld(t, pair{mtu: mtu}, pair{mtu: mtu})
				pool := newTestPool(t, 16384)
				a := open(t, pool, w.hosts[0].port, map[string]string{OptMode: mode})
				b := open(t, pool, w.hosts[1].port, map[string]string{OptMode: mode})
				for _, n := range a.Info().Notes {
					t.Logf("%+v", n)
				}
				f := startForwarder(a, b, nil)
				defer f.close()
				from, to := w.hosts[0].raw(), w.hosts[1].raw()
				for i, size := range []int{14, 15, 60, 64, 576, 1000, 1514, 1518, 1664, 1665, 4000, 9014} {
					if size > mtu+14 {
						break
					}
					want := testFrame(size, uint32(i))
					from.send(want)
					if got := to.recv(); !bytes.Equal(got, want) {
						t.Errorf("a frame of %d bytes came out as %d bytes, changed or not at all", size, len(got))
					}
				}
			})
		}
	}
}
