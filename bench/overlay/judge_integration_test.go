//go:build integration

package overlay

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
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
	path  string
	cmd   *exec.Cmd     // nil: it has ended
	ended chan struct{} // closed when dumpcap has ended
}

// enough packets for tshark to read within a second or two.
const enough = "10000"

// capture begins to write down what comes to the far end's link.
func (s *site) capture() *capture {
	s.Helper()
	c := &capture{path: s.path("far.pcapng"), ended: make(chan struct{})}
	// Inbound: what the far end itself sends has checksums left to hardware that is not there.
	c.cmd = exec.Command("dumpcap", "-q", "-i", lab.HostLink, "-f", "inbound", "-B", "16", "-c", enough, "-w", c.path)
	must(s.T, s.far.Start(c.cmd))
	go func() {
		c.cmd.Wait()
		close(c.ended)
	}()
	s.Cleanup(c.end)
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(c.path); err == nil && info.Size() > 0 {
			return c
		}
		if time.Now().After(end) {
			s.Fatal("dumpcap does not begin")
		}
	}
}

// end ends the capture.
func (c *capture) end() {
	if c.cmd == nil {
		return
	}
	c.cmd.Process.Signal(syscall.SIGTERM) // an error is that it has ended
	<-c.ended
}

// over reports whether the capture has ended.
func (c *capture) over() bool {
	if c.cmd == nil {
		return true
	}
	select {
	case <-c.ended:
		return true
	default:
		return false
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
	filters = append(filters, "frame")
	for i, f := range filters {
		filters[i] = "(vxlan || geneve || gre || erspan) && !arp && " + f
	}
	filters = append(filters, faults)
	// dumpcap writes what it has when it likes to, and forgets what it has not when it ends.
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		whole := c.over()
		counts, err := c.count(s, filters)
		few := slices.IndexFunc(counts[:len(filters)-1], func(n int) bool { return n < least })
		switch {
		case few < 0 && !whole:
			c.end() // and read once more, all that there is
			continue
		case few < 0 || time.Now().After(end):
			if few >= 0 {
				s.Errorf("tshark: %d packets, fewer than %d, are %s", counts[few], least, filters[few])
			}
			if err != nil {
				s.Error(err)
			}
			if n := counts[len(filters)-1]; n > 0 {
				s.Errorf("tshark finds fault with %d packets:\n%s", n, c.lines(s, faults))
			}
			c.end()
			return
		}
	}
}

// count returns how many packets each of some filters selects, and an error also when the file ends within a packet.
func (c *capture) count(s *site, filters []string) (counts []int, err error) {
	counts = make([]int, len(filters))
	out, err := c.read(s, "-q", "-z", "io,stat,0,"+strings.Join(filters, ","))
	for line := range strings.Lines(out) {
		columns := strings.Split(line, "|") // interval, then frames and bytes of each filter
		if !strings.Contains(line, "<>") || len(columns) < 2*len(filters)+3 {
			continue
		}
		for i := range filters {
			counts[i], _ = strconv.Atoi(strings.TrimSpace(columns[2*i+2]))
		}
	}
	return counts, err
}

// lines returns the first of the packets that a filter selects.
func (c *capture) lines(s *site, filter string) string {
	out, _ := c.read(s, "-Y", filter)
	lines := strings.Split(out, "\n")
	return strings.Join(lines[:min(10, len(lines))], "\n")
}

// read has tshark read the capture.
func (c *capture) read(s *site, options ...string) (string, error) {
	args := append([]string{"-n", "-r", c.path}, options...)
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
