//go:build integration

package openflow

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A clerk sends the same commands to ovs-ofctl and to a table of ours.
type clerk struct {
	*oracle
	*rand.Rand
	table *Table
}

// ofctl runs ovs-ofctl and reports whether it succeeded.
func (c *clerk) ofctl(args ...string) (string, bool) {
	out, err := c.command("ovs-ofctl", args...).CombinedOutput()
	return string(out), err == nil
}

func (c *clerk) pick(list ...string) string { return list[c.IntN(len(list))] }

// match returns a match of flows, table and cookie included.
func (c *clerk) match() string {
	parts := []string{
		c.pick("", "", "table=1,", "table=3,"),
		c.pick("", "tcp,", "udp,", "ip,", "ip,nw_src=10.0.0.0/8,", "tcp,nw_src=10.1.0.0/16,", "tcp,tp_dst=80,", "arp,", "in_port=1,", "in_port=1,tcp,"),
	}
	return strings.Join(parts, "")
}

func (c *clerk) priority() string { return c.pick("", "priority=5,", "priority=6,", "priority=7,") }

func (c *clerk) actions() string {
	return "actions=" + c.pick("1", "2", "drop", "output:3", "resubmit(,5)", "3,in_port")
}

// filter returns what del-flows takes.
func (c *clerk) filter(strict bool) string {
	f := c.match() + c.pick("", "", "cookie=0x3/-1,", "cookie=0x2/0x2,", "out_port=2,")
	if strict {
		f += c.priority()
	}
	return strings.TrimSuffix(f, ",")
}

// flow returns what add-flow takes.
func (c *clerk) flow() string {
	return c.match() + c.priority() + c.pick("", "", "cookie=0x1,", "cookie=0x3,", "cookie=0x6,") +
		c.pick("", "", "check_overlap,", "send_flow_rem,", "idle_timeout=600,", "hard_timeout=900,importance=7,") + c.actions()
}

// change returns a line of a bundle.
func (c *clerk) change() string {
	switch c.IntN(6) {
	case 0:
		return "delete " + c.filter(false)
	case 1:
		return "delete_strict " + c.filter(true)
	case 2:
		return "modify " + c.match() + c.actions()
	case 3:
		return "modify_strict " + c.match() + c.priority() + c.actions()
	}
	return c.pick("", "add ") + c.flow()
}

// file writes lines for ovs-ofctl to read.
func (c *clerk) file(lines []string) string {
	name := filepath.Join(c.dir, "lines")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return name
}

// ours makes changes in our table and reports whether it took them.
func (c *clerk) ours(lines ...string) bool {
	list, err := Parser{}.ParseChanges(strings.NewReader(strings.Join(lines, "\n")), "test")
	if err == nil {
		_, err = c.table.Apply(list)
	}
	return err == nil
}

// step does one random thing on both sides and says what it was.
func (c *clerk) step() (what string, theirs, ours bool) {
	switch c.IntN(8) {
	case 0, 1, 2:
		f := c.flow()
		_, ok := c.ofctl("-O", "OpenFlow14", "add-flow", "br0", f)
		return "add-flow " + f, ok, c.ours("add " + f)
	case 3: // as OpenFlow 1.0 has it: what modifies nothing adds. There no cookie means 0; we leave it alone
		f := c.match() + c.pick("", "cookie=0x3/0x3,") + "cookie=0x9," + c.actions()
		_, ok := c.ofctl("-O", "OpenFlow10", "mod-flows", "br0", f)
		return "mod-flows " + f, ok, c.ours("modify " + f)
	case 4:
		f := c.match() + c.priority() + "cookie=0x3," + c.actions()
		_, ok := c.ofctl("-O", "OpenFlow10", "--strict", "mod-flows", "br0", f)
		return "mod-flows --strict " + f, ok, c.ours("modify_strict " + f)
	case 5:
		f := c.filter(false)
		_, ok := c.ofctl("-O", "OpenFlow14", "del-flows", "br0", f)
		return "del-flows " + f, ok, c.ours("delete " + f)
	case 6:
		f := c.filter(true)
		_, ok := c.ofctl("-O", "OpenFlow14", "--strict", "del-flows", "br0", f)
		return "del-flows --strict " + f, ok, c.ours("delete_strict " + f)
	}
	lines := make([]string, 1+c.IntN(5))
	for i := range lines {
		// A bundle is of OpenFlow 1.4, in which what modifies nothing adds nothing.
		for lines[i] = c.change(); strings.HasPrefix(lines[i], "modify"); lines[i] = c.change() {
		}
	}
	_, ok := c.ofctl("-O", "OpenFlow14", "--bundle", "add-flows", "br0", c.file(lines))
	return "bundle\n\t" + strings.Join(lines, "\n\t"), ok, c.ours(lines...)
}

// dumps returns the flows of both sides.
func (c *clerk) dumps() (theirs, ours []string) {
	out, _ := c.ofctl("-O", "OpenFlow14", "--no-stats", "--no-names", "dump-flows", "br0")
	for line := range strings.Lines(out) {
		theirs = append(theirs, strings.TrimSpace(line))
	}
	for _, f := range c.table.Flows(AllFlows()) {
		ours = append(ours, f.Text(Format{NoStats: true}))
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	return theirs, ours
}

// TestFlowsChangeAsInOVS: random commands leave the same flows, or are refused, on both sides.
func TestFlowsChangeAsInOVS(t *testing.T) {
	c := &clerk{oracle: newOracle(t), Rand: rand.New(rand.NewPCG(1, 2))}
	c.bridge("br0", trunks(1, 2, 3), "")
	c.run("ovs-vsctl", "set", "bridge", "br0", "protocols=OpenFlow10,OpenFlow13,OpenFlow14")
	c.table, _ = newTable(t, Options{}, trunks(1, 2, 3), "")
	refused := 0
	for i := range 400 {
		what, theirs, ours := c.step()
		if theirs != ours {
			t.Fatalf("step %d, %s: OVS took it: %v, we: %v", i, what, theirs, ours)
		}
		if !ours {
			refused++
		}
		if a, b := c.dumps(); !slices.Equal(a, b) {
			t.Fatalf("step %d, %s: OVS has\n%s\nwe have\n%s", i, what, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the test shows less than it should")
	}
}

// TestFilesOfFlowsAreComparedAndReplacedAsInOVS does so for diff-flows and replace-flows.
func TestFilesOfFlowsAreComparedAndReplacedAsInOVS(t *testing.T) {
	c := &clerk{oracle: newOracle(t), Rand: rand.New(rand.NewPCG(3, 4))}
	c.bridge("br0", trunks(1, 2, 3), "")
	c.run("ovs-vsctl", "set", "bridge", "br0", "protocols=OpenFlow10,OpenFlow13,OpenFlow14")
	c.table, _ = newTable(t, Options{}, trunks(1, 2, 3), "")
	for i := range 40 {
		lines := make([]string, c.IntN(12))
		for i := range lines {
			lines[i] = strings.ReplaceAll(c.flow(), "check_overlap,", "")
		}
		flows, err := ParseFlows(strings.NewReader(strings.Join(lines, "\n")), "test")
		if err != nil {
			t.Fatal(err)
		}
		var now []Flow
		for _, f := range c.table.Flows(AllFlows()) {
			now = append(now, f.Flow)
		}
		out, _ := c.ofctl("-O", "OpenFlow14", "--no-names", "diff-flows", "br0", c.file(lines))
		theirs, ours := strings.Split(strings.TrimSuffix(out, "\n"), "\n"), Diff(now, flows)
		slices.Sort(theirs)
		slices.Sort(ours)
		if fmt.Sprint(theirs) != fmt.Sprint(ours) && (len(ours) > 0 || out != "") {
			t.Fatalf("round %d, %s: OVS says\n%s\nwe say\n%s", i, strings.Join(lines, "\n"), strings.Join(theirs, "\n"), strings.Join(ours, "\n"))
		}
		c.run("ovs-ofctl", "-O", "OpenFlow14", "replace-flows", "br0", c.file(lines))
		if _, _, err := c.table.ReplaceFlows(flows); err != nil {
			t.Fatal(err)
		}
		if a, b := c.dumps(); !slices.Equal(a, b) {
			t.Fatalf("round %d, %s: OVS has\n%s\nwe have\n%s", i, strings.Join(lines, "\n"), strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	}
}
