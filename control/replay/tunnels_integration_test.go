//go:build integration

package replay

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// faults are what tshark finds wrong with a packet, its sums or a header inside it.
const faults = "_ws.malformed || _ws.short || ip.checksum.status == Bad || udp.checksum.status == Bad || tcp.checksum.status == Bad" +
	" || gre.checksum.status == Bad || icmpv6.checksum.status == Bad || udp.length.bad"

// TestTsharkReadsTheCapturesOfTunnels: in each of them, all packets of the tunnel are what the table says, without fault.
func TestTsharkReadsTheCapturesOfTunnels(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skipf("%v (package tshark)", err)
	}
	for i := range tunnelled {
		c := &tunnelled[i]
		t.Run(c.file, func(t *testing.T) {
			filter := "(" + c.shows + ") && !(" + faults + ")"
			want, _, _ := c.arrive(innerPackets(t))
			if got := filtered(t, c.file, filter); strings.Count(got, "\n") != len(want) {
				t.Errorf("want %d packets that are %s, found\n%s", len(want), filter, got)
			}
		})
	}
}

// filtered returns a line for each packet of a capture that a filter selects.
func filtered(t *testing.T, file, filter string) string {
	t.Helper()
	cmd := exec.Command("tshark", "-n", "-r", filepath.Join("testdata", "tunnels", file+".pcap"), "-Y", filter,
		"-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, &errs)
	}
	return string(out)
}
