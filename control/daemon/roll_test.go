package daemon

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

// TestALookReadsWhatABridgeKnowsOnceHoweverManyTunnelsThereAre: with a tunnel for each of a thousand tenants it would take
// seconds else.
func TestALookReadsWhatABridgeKnowsOnceHoweverManyTunnelsThereAre(t *testing.T) {
	const addresses = 4000
	// bytes returns how much memory a look takes that asks n tunnels.
	bytes := func(n int) uint64 {
		var tunnels strings.Builder
		for i := range n {
			fmt.Fprintf(&tunnels, "      - {name: t%d, type: vxlan, vlan: {mode: access, tag: %d}, options: {remote_ip: lookup, profile: dc, key: %d}}\n", i, i+1, i+1)
		}
		h := newHostOf(t, "{name: u, type: memory, underlay: {address: 192.0.2.1/24}}", `
  - name: br0
    ports:
      - {name: p, type: memory}
`+tunnels.String(), "profiles: [{name: dc, lookup: {kind: learn, options: {flood: [192.0.2.2]}}}]")
		b := h.sw.bridges["br0"]
		for i := range addresses {
			mac := [6]byte{2, 4: byte(i >> 8), 5: byte(i)}
			if err := b.table.AddAddress(fdb.MakeKey(uint16(i%50+1), mac), h.ids["p"]); err != nil {
				t.Fatal(err)
			}
		}
		asking, ports := askingTunnels(h.sw.tunnels.Ports()), h.sw.Ports()
		self, _ := h.sw.overlays.ends()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		seen := sightingsOf(asking, []*bridge{b}, ports, self)["dc"]
		runtime.ReadMemStats(&after)
		if len(asking) != n || len(seen.here) != addresses/50*n {
			t.Fatalf("%d tunnels; %d guests are seen, want %d", len(asking), len(seen.here), addresses/50*n)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	if one, many := bytes(1), bytes(50); many > 8*one {
		t.Errorf("a look takes %d bytes with 50 tunnels, %d with one", many, one)
	}
}
