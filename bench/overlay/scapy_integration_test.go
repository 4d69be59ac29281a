//go:build integration

package overlay

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// python is Debian's, which has its packages; another may come before it in PATH.
const python = "/usr/bin/python3"

//go:embed malformed.py
var scapyProgram string

func missingScapy() error {
	if err := exec.Command(python, "-c", "import scapy.contrib.erspan, scapy.contrib.geneve").Run(); err != nil {
		return fmt.Errorf("scapy: %w (package python3-scapy)", err)
	}
	return nil
}

// A scapyPacket is one that scapy has built, and the drop that it is counted as; empty: any, or none.
type scapyPacket struct{ Name, Drop, Packet string }

// scapy returns the packets that malformed.py makes, from far to the switch.
func (s *site) scapy() (all []scapyPacket) {
	s.Helper()
	cmd := exec.CommandContext(s.ctx, python, "-c", scapyProgram, s.wanMAC().String(), s.far.MAC.String())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("scapy: %v\n%s", err, &errs)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var p scapyPacket
		must(s.T, json.Unmarshal(lines.Bytes(), &p))
		all = append(all, p)
	}
	return all
}

// What is wrong is said here by who knows the headers from elsewhere, and what is in them is chosen at random by it, too.
func TestMalformedPacketsThatScapyBuildsAreDroppedByName(t *testing.T) {
	need(t, missingScapy)
	s := newSite(t, plan{}, 2*time.Minute)
	s.kernel(inside.Tunnel{Type: "vxlan", Local: far4, Remote: near4, Key: key, Port: vxlanPort})
	const to4, to6 = "remote_ip: 10.77.0.2", `remote_ip: "fd77::2"`
	s.startWith("name: wan, type: afxdp", tunnelPort{"vx", "vxlan", to4 + ", key: 42"}, tunnelPort{"vx6", "vxlan", to6 + ", key: 42"},
		tunnelPort{"gnv", "geneve", to4 + ", key: 42"}, tunnelPort{"gnv6", "geneve", to6 + ", key: 42"}, tunnelPort{"gre6", "gre", to6 + ", key: 42"},
		tunnelPort{"nvgre", "nvgre", to4 + ", key: 42"}, tunnelPort{"span", "erspan", to4 + ", key: 5"})
	s.reach(s.alice, at(), 0)
	out, err := traffic.NewBlaster(s.far.Namespace, lab.HostLink)
	must(t, err)
	defer out.Close()
	var random [][]byte
	named := 0
	for _, p := range s.scapy() {
		b, err := hex.DecodeString(p.Packet)
		must(t, err)
		if p.Drop == "" {
			random = append(random, b)
			continue
		}
		named++
		s.dropped(p.Name, p.Drop, func() { must(t, out.Once([][]byte{b})) })
	}
	must(t, out.Once(random))
	s.reach(s.alice, at(), 0)
	if named != 40 || len(random) != 300 {
		t.Errorf("scapy has built %d packets, and %d at random", named, len(random))
	}
	s.stop()
}
