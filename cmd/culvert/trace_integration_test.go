//go:build integration

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/ovs"
	"github.com/culvertdev/culvert/control/config"
)

// TestTracesReadAsThoseOfOVS asks Open vSwitch the same, with the same rules, and compares line by line. What differs on
// purpose is in docs/trace.md and in sameLine.
func TestTracesReadAsThoseOfOVS(t *testing.T) {
	if err := ovs.Missing(); err != nil {
		t.Skip(err)
	}
	bridge := ovsLike(t)
	for _, flow := range []string{
		"in_port=1,udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=1.2.3.4,nw_dst=10.0.0.1,nw_ttl=64",
		"in_port=1,udp,nw_dst=10.0.0.1,nw_ttl=1",
		"in_port=1,udp,nw_dst=11.0.0.1",
		"in_port=1,icmp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02",
		"in_port=1,icmp,dl_vlan=7,dl_vlan_pcp=3",
		"in_port=1,icmp,dl_dst=01:80:c2:00:00:00",
		"in_port=1,sctp",
		"in_port=1,arp,arp_op=1",
		"in_port=2,tcp,nw_tos=4",
		"in_port=2,tcp,nw_frag=later",
		"in_port=2,tcp6,ipv6_src=1::2,ipv6_label=5",
		"in_port=2,arp",
		"in_port=2,icmp6,icmpv6_type=135",
		"in_port=3,dl_type=0x1234,dl_src=02:00:00:00:00:01",
		"in_port=3,udp,dl_src=02:00:00:00:00:01,reg1=5,metadata=3,tun_id=4,pkt_mark=7",
		"in_port=3,mpls,dl_src=02:00:00:00:00:01,mpls_label=7",
	} {
		t.Run(flow, func(t *testing.T) {
			want, err := bridge.Appctl("ofproto/trace", "br0", flow)
			if err != nil {
				t.Fatal(err)
			}
			got, errs, code := culvert(t, "", "trace", "--config", traced, "br0", flow)
			if code != exitOK {
				t.Fatal(errs)
			}
			if diff := differences(got, want); diff != "" {
				t.Errorf("%sOVS:\n%s\nCulvert:\n%s", diff, want, got)
			}
		})
	}
}

// ovsLike returns an Open vSwitch with the ports and rules of testdata/trace.yaml.
func ovsLike(t *testing.T) *ovs.Instance {
	t.Helper()
	dir, err := os.MkdirTemp("", "ovs") // not t.TempDir: the path of a unix socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	i, err := ovs.Start(t.Context(), ovs.Options{Dir: dir, Dummy: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := config.Load(traced, drivers().Types())
	if err != nil {
		t.Fatal(err)
	}
	var ports []ovs.DummyPort
	for n, p := range c.Bridges[0].Ports {
		ports = append(ports, ovs.DummyPort{Name: p.Name, Number: uint32(n + 1)})
	}
	if err := i.AddDummyBridge(t.Context(), "br0", nil, ports); err != nil {
		t.Fatal(err)
	}
	var flows []string
	for _, r := range c.Bridges[0].Rules {
		flows = append(flows, r.Text)
	}
	file := filepath.Join(dir, "flows")
	if err := os.WriteFile(file, []byte(strings.Join(flows, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Ofctl(t.Context(), "OpenFlow10", "add-flows", "br0", file); err != nil {
		t.Fatal(err)
	}
	return i
}

// differences says which lines differ in more than what is meant to.
func differences(got, want string) string {
	ours := slices.DeleteFunc(strings.Split(strings.TrimSpace(got), "\n"), func(line string) bool {
		return strings.Contains(line, "-> the packet has no ") // OVS is silent about actions that do nothing
	})
	var diff strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
		if strings.HasPrefix(line, "Translation failed ") {
			continue // ours says more, with a line of its own
		}
		if len(ours) == 0 || !sameLine(ours[0], line) {
			fmt.Fprintf(&diff, "want %q\n", line)
			if len(ours) > 0 {
				fmt.Fprintf(&diff, "got  %q\n", ours[0])
			}
		}
		ours = ours[min(1, len(ours)):]
	}
	for _, line := range ours {
		if !strings.HasPrefix(line, "Drop reason: ") && !strings.HasPrefix(line, "Answered by: ") {
			fmt.Fprintf(&diff, "got  %q, one too many\n", line)
		}
	}
	return diff.String()
}

// sameLine compares a line of ours with one of OVS's, up to what differs on purpose.
func sameLine(got, want string) bool {
	switch {
	case strings.HasPrefix(want, "Megaflow: "): // ours looks at less, and names what of a tag it looked at
		return strings.HasPrefix(got, "Megaflow: recirc_id=0,eth")
	case strings.Contains(want, " >> ") || strings.Contains(want, " -> ") || strings.Contains(want, " >>>> "):
		// Remarks are in words of our own, at the same places.
		at := strings.IndexAny(want, "->")
		return len(got) > at+2 && got[:at+2] == want[:at+2]
	case strings.HasPrefix(want, "Datapath actions: "):
		return slices.Equal(actionsOf(got), actionsOf(want))
	}
	return got == want
}

// actionsOf returns the actions of a line, ports one after the other sorted: OVS floods in an order of its own. Left
// out are the bridge's own port, which it always has, and what goes to a controller.
func actionsOf(line string) []string {
	_, line, _ = strings.Cut(line, ": ")
	line = regexp.MustCompile(`(userspace|send)\((?:[^()]|\([^()]*\))*\),?`).ReplaceAllString(line, "")
	var all []string
	ports := 0 // how many of the last are
	for _, a := range regexp.MustCompile(`[^,(]+(\((?:[^()]|\([^()]*\))*\))?`).FindAllString(line, -1) {
		if a == "100" {
			continue
		}
		if all = append(all, a); !regexp.MustCompile(`^\d+$`).MatchString(a) {
			ports = 0
			continue
		}
		ports++
		slices.Sort(all[len(all)-ports:])
	}
	return all
}
