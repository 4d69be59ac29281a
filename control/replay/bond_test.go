package replay

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
)

// TestBondsAreReplayed: captures by a bond's members and to it, with an announcement to all when a link is up, and every
// cached answer right.
func TestBondsAreReplayed(t *testing.T) {
	for name, settings := range map[string]string{
		"active-backup": "mode: active-backup",
		"balance-slb":   "mode: balance-slb",
		"no partner":    "mode: balance-tcp, lacp: active, lacp-fallback-ab: true, lacp-system-id: '02:00:00:00:00:99'",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "bond.yaml")
			text := `
frames: {hugepages: never, buffers: 1024}
bridges:
- name: br0
  ports: [{name: p1, type: memory}, {name: m1, type: memory}, {name: m2, type: memory}]
  bonds: [{name: bond0, members: [m1, m2], ` + settings + `}]
`
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var to, from []packet
			for i := range 200 {
				to = append(to, packet{time.Duration(i) * 50 * time.Millisecond, udp(t, byte(1+i%5), 9, uint16(i%7), 4)})
				from = append(from, packet{time.Duration(i)*50*time.Millisecond + 1, udp(t, 9, byte(1+i%5), 4, uint16(i%7))})
			}
			in := []Input{
				{"p1", write(t, dir, "to", layers.LinkTypeEthernet, to)},
				{"m1", write(t, dir, "from1", layers.LinkTypeEthernet, from)},
				{"m2", write(t, dir, "from2", layers.LinkTypeEthernet, from)},
			}
			sum, err := Run(t.Context(), Options{Config: load(t, file), In: in, Out: filepath.Join(dir, "out"), Verify: true})
			if err != nil {
				t.Fatal(err)
			}
			if sum.Violations != 0 || sum.Packets != 600 || sum.Looks["emc"]+sum.Looks["megaflow"] == 0 {
				t.Errorf("got %+v", sum)
			}
		})
	}
}
