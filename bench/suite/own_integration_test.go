//go:build integration

package suite

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/switches"
)

// A switch of the user's own, reached by interfaces, is here a bridge of the kernel's that the test has made.
func TestASwitchBetweenTwoInterfacesIsDriven(t *testing.T) {
	for _, kind := range []string{"afpacket", "afxdp"} {
		t.Run(kind, func(t *testing.T) {
			b := short(t)
			own, far := ownBridge(t, b, kind)
			cell := Cell{Row: rowOf(t, "interfaces-burst"), Size: 64}
			s, err := b.once(t.Context(), own, cell, 0)
			must(t, err)
			if n := s.Figures["longest burst"]; n < 1 {
				t.Errorf("a burst of %v frames passes", n)
			}
			if c, err := far.Count(lab.HostLink); err != nil || float64(c.RxPackets) < s.Figures["longest burst"] {
				t.Errorf("the far end has received %d packets, %v", c.RxPackets, err)
			}
			if len(s.Config) != 2 || s.row().Name != "64 bytes, back to back, interface to interface" {
				t.Errorf("kept as %+v", s.row())
			}
		})
	}
}

// ownBridge makes a bridge between two hosts, whose ends are the generator's. far is where frames arrive.
func ownBridge(t *testing.T, b *bench, kind string) (own switches.Own, far *lab.Host) {
	if err := (switches.Bridge{}).Missing(); err != nil {
		t.Skip(err)
	}
	l, err := b.lab()
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	own.Called = "mine"
	scene := switches.Scene{Space: l.Switch, CPU: contest.SwitchCPU, Main: contest.HostCPU, Ports: switches.PortsTo(l)}
	for i, h := range l.Hosts {
		own.Ports[i].Peer = switches.Interface{Type: kind, Device: lab.HostLink, Namespace: pathOf(t, h.Namespace)}
	}
	bridge, err := switches.Bridge{}.Start(t.Context(), scene)
	must(t, err)
	t.Cleanup(func() { must(t, bridge.Stop()) })
	must(t, bridge.Forward(t.Context(), []string{"actions=NORMAL"}))
	return own, l.Hosts[1]
}

// pathOf returns a path of a namespace, which is there as long as the test: that of a process that stays in it.
func pathOf(t *testing.T, n *lab.Namespace) string {
	stays := exec.Command("sleep", strconv.Itoa(int(time.Hour/time.Second)))
	must(t, n.Start(stays))
	t.Cleanup(func() {
		_ = stays.Process.Kill() // it may have ended
		_ = stays.Wait()         // killed: an error by definition
	})
	path := "/proc/" + strconv.Itoa(stays.Process.Pid) + "/ns/net"
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}
