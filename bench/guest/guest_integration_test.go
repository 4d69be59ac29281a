//go:build integration

package guest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/testpmd"
	"github.com/culvertdev/culvert/bench/traffic"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoGuestsReachEachOtherThroughTestpmd(t *testing.T) {
	for _, missing := range []func() error{Missing, testpmd.Missing} {
		if err := missing(); err != nil {
			t.Skip(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := t.TempDir()
	socket := func(i int) string { return filepath.Join(dir, fmt.Sprint("vu", i)) }
	floor, err := testpmd.Start(ctx, testpmd.Options{
		Name: "floor", Mode: "io", CPU: 1, NoHuge: true, Memory: 192, Buffers: 16384,
		Ports: []testpmd.Port{testpmd.Backend{Socket: socket(0), Client: true}, testpmd.Backend{Socket: socket(1), Client: true}},
	})
	must(t, err)
	defer floor.Kill()
	must(t, floor.Forward(ctx))
	var guests [2]*Guest
	var addresses [2]netip.Addr
	for i := range guests {
		guests[i], err = Start(ctx, Options{
			Dir: filepath.Join(dir, fmt.Sprint("guest", i)), Socket: socket(i), MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)},
		})
		must(t, err)
		defer guests[i].Kill()
		addresses[i] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
		s, err := guests[i].SetLink(ctx, inside.Link{
			Name: Link, Addresses: []netip.Prefix{netip.PrefixFrom(addresses[i], 24)}, Offloads: map[string]bool{"tx-checksum-ip-generic": false},
		})
		must(t, err)
		if want := fmt.Sprintf("02:00:00:00:00:%02x", i+1); s.MAC != want || s.MTU != 1500 || s.Features["tx-checksum-ip-generic"] {
			t.Errorf("link of guest %d: got %+v", i, s)
		}
	}
	e, err := guests[0].Ping(ctx, addresses[1], traffic.Ping{Count: 5, Timeout: 5 * time.Second})
	must(t, err)
	if e.Received != 5 {
		t.Errorf("ping: %s", e)
	}
	sum, err := Bulk(ctx, guests[0].Host, guests[1].Host, addresses[1], time.Second)
	must(t, err)
	t.Log(sum)
	if text, err := guests[0].Read(ctx, "/proc/version"); err != nil || len(text) < 10 {
		t.Errorf("a file of the guest: %q, %v", text, err)
	}
	if _, err := guests[0].Read(ctx, "/no/such/file"); err == nil {
		t.Error("a file that is not there is no error")
	}
	must(t, guests[0].Stop())
	must(t, guests[1].Kill())
	must(t, floor.Stop())
}
