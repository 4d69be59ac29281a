//go:build integration

package overlay

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

func missingTshark() error {
	if _, err := exec.LookPath("tshark"); err != nil {
		return fmt.Errorf("%w (package tshark)", err)
	}
	_, err := exec.LookPath("dumpcap")
	return err
}

// A capture is of the first packets that come to the far end's link.
type capture struct {
	path string
	cmd  *exec.Cmd
}

// enough packets for tshark to read within a second or two.
const enough = "10000"

// capture begins to write down what comes to the far end's link.
func (s *site) capture() *capture {
	s.Helper()
	c := &capture{path: s.path("far.pcapng")}
	// Inbound: what the far end itself sends has checksums left to hardware that is not there.
	c.cmd = exec.Command("dumpcap", "-q", "-i", lab.HostLink, "-f", "inbound", "-B", "16", "-c", enough, "-w", c.path)
	must(s.T, s.far.Start(c.cmd))
	s.Cleanup(func() { c.end() })
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(c.path); err == nil && info.Size() > 0 {
			return c
		}
		if time.Now().After(end) {
			s.Fatal("dumpcap does not begin")
		}
	}
}

// end ends the capture, once.
func (c *capture) end() {
	if c.cmd.ProcessState == nil {
		c.cmd.Process.Signal(syscall.SIGTERM)
		c.cmd.Wait()
	}
}

// Faults are what tshark finds wrong with a packet as such, its sums or a header inside it.
const faults = "_ws.malformed || _ws.short || ip.checksum.status == Bad || udp.checksum.status == Bad || tcp.checksum.status == Bad" +
	" || icmp.checksum.status == Bad || icmpv6.checksum.status == Bad || gre.checksum.status == Bad" +
	" || udp.length.bad || ip.bogus_ip_length"

// judge has tshark read the switch's tunnel packets in the capture. There must be at least so many that pass each of the
// filters, and all must be right.
func (c *capture) judge(s *site, least int, filters ...string) {
	s.Helper()
	for _, f := range append(filters, "frame") {
		f = "(vxlan || geneve || gre || erspan) && !arp && " + f
		// dumpcap writes what it has when it likes to, and forgets what it has not when it ends.
		for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			if lines, _ := c.read(s, f); strings.Count(lines, "\n") >= least {
				break
			}
			if time.Now().After(end) {
				s.Errorf("tshark: fewer than %d packets are %s", least, f)
				break
			}
		}
	}
	c.end()
	bad, err := c.read(s, faults)
	if err != nil {
		s.Error(err)
	}
	if bad != "" {
		lines := strings.Split(bad, "\n")
		s.Errorf("tshark finds fault with %d packets:\n%s", len(lines)-1, strings.Join(lines[:min(10, len(lines))], "\n"))
	}
}

// read returns a line for each packet that a filter selects, and an error also when the file ends within a packet.
func (c *capture) read(s *site, filter string) (string, error) {
	args := []string{"-n", "-r", c.path, "-Y", filter}
	// What TCP carries is of no protocol, and says nothing about headers.
	for _, o := range []string{
		"ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE",
		"tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE",
	} {
		args = append(args, "-o", o)
	}
	cmd := exec.CommandContext(s.ctx, "tshark", args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("tshark: %w: %s", err, errs.String())
	}
	return string(out), err
}
