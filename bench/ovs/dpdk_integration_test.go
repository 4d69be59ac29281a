//go:build integration

package ovs_test // bench/machine, which it needs, imports ovs

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/ovs"
	"github.com/culvertdev/culvert/bench/testpmd"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestASwitchWithDPDKForwardsBetweenGuests(t *testing.T) {
	for _, missing := range []func() error{ovs.MissingDPDK, testpmd.Missing} {
		if err := missing(); err != nil {
			t.Skip(err)
		}
	}
	pages, err := machine.BorrowHugepages(512 << 20)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { must(t, pages.Give()) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ns, err := lab.NewNamespace("ovs") // its bridge is an interface there
	must(t, err)
	defer func() { must(t, ns.Close()) }()
	dir := t.TempDir()
	sw, err := ovs.Start(ctx, ovs.DPDK{CPU: 1, Memory: 256}.Apply(ovs.Options{Dir: filepath.Join(dir, "ovs"), Spawn: ns.Start}))
	must(t, err)
	defer func() { must(t, sw.Stop()) }()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, sw.AddBridge(ctx, "br0", []ovs.Port{{Name: "vu0", Number: 1, Socket: a}, {Name: "vu1", Number: 2, Socket: b}}))
	for _, rule := range []string{"in_port=1,actions=2", "in_port=2,actions=1"} {
		_, err := sw.Ofctl(ctx, "OpenFlow13", "add-flow", "br0", rule)
		must(t, err)
	}
	guest, err := testpmd.Start(ctx, testpmd.Options{
		Name: "guest", Mode: "flowgen", Memory: 128, Buffers: 16384, Spawn: ns.Start,
		Ports: []testpmd.Port{testpmd.Guest{Socket: a}, testpmd.Guest{Socket: b}},
	})
	must(t, err)
	defer guest.Kill()
	must(t, guest.Forward(ctx))
	for {
		c, err := guest.Counters(ctx)
		must(t, err)
		if c[0].RxPackets > 1000 && c[1].RxPackets > 1000 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	must(t, guest.Stop())
	s, err := sw.PMDStats()
	must(t, err)
	if s.Packets < 2000 || s.SimpleHits < 2000 || s.Cycles == 0 {
		t.Errorf("the forwarding thread counts %+v", s)
	}
	must(t, sw.PMDClear())
}
