package datapath_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// goldenCase is what the text file says.
type goldenCase struct {
	ports []rules.Port // Name, VLAN and Up
	table *openflow.Table
	now   int64 // ns; that of the packet at hand
}

// PortNumber and PortName make rules name the case's ports, which are numbered from 1 as they come.
func (c *goldenCase) PortNumber(name string) (uint32, bool) {
	i := slices.IndexFunc(c.ports, func(p rules.Port) bool { return p.Name == name })
	return uint32(i + 1), i >= 0
}

func (c *goldenCase) PortName(number uint32) (string, bool) {
	if number == 0 || int(number) > len(c.ports) {
		return "", false
	}
	return c.ports[number-1].Name, true
}

func (c *goldenCase) clock() int64 { return c.now }

// readCase reads lines "# comment", "port NAME [access VID | trunk VID,VID…] [down]", "meter=…", "group_id=…"
// and rules.
func readCase(t *testing.T, path string) *goldenCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &goldenCase{now: int64(time.Hour)}
	if c.table, err = openflow.New(openflow.Options{Clock: c.clock}); err != nil {
		t.Fatal(err)
	}
	var meters []openflow.Meter
	var groups, flows strings.Builder
	for line := range strings.Lines(string(text)) {
		of := &flows
		switch name, rest, _ := strings.Cut(line, " "); {
		case name == "port":
			of, c.ports = nil, append(c.ports, parsePort(t, rest))
		case strings.HasPrefix(name, "meter="):
			m, err := openflow.ParseMeter(line)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			of, meters = nil, append(meters, m)
		case strings.HasPrefix(name, "group_id="):
			of = &groups
		}
		for _, b := range []*strings.Builder{&groups, &flows} {
			if b == of {
				b.WriteString(line)
			} else {
				b.WriteByte('\n') // for errors to name the line
			}
		}
	}
	p := openflow.Parser{Ports: c}
	groupList, err := p.ParseGroups(strings.NewReader(groups.String()), path)
	if err != nil {
		t.Fatal(err)
	}
	flowList, err := p.ParseFlows(strings.NewReader(flows.String()), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.table.PutMeters(meters), c.table.AddGroups(groupList), c.table.AddFlows(flowList)); err != nil {
		t.Fatal(err)
	}
	return c
}

func parsePort(t *testing.T, s string) rules.Port {
	t.Helper()
	words := strings.Fields(s)
	p := rules.Port{Name: words[0], Up: true}
	if n := len(words) - 1; words[n] == "down" {
		p.Up, words = false, words[:n]
	}
	if len(words) == 3 {
		for _, w := range strings.Split(words[2], ",") {
			vid, err := strconv.Atoi(w)
			if err != nil {
				t.Fatal(err)
			}
			if words[1] == "access" {
				p.VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: uint16(vid)}
			} else {
				p.VLAN.Trunks = append(p.VLAN.Trunks, uint16(vid))
			}
		}
	}
	return p
}

// play sends the packets of in through a switch one at a time and returns what came out, port by port
// for each of them.
func (c *goldenCase) play(t *testing.T, in []captured) []captured {
	t.Helper()
	var ports []datapath.PortConfig
	for _, p := range c.ports {
		ports = append(ports, datapath.PortConfig{Name: p.Name, VLAN: p.VLAN})
	}
	st, peers := newStepper(t, datapath.Options{VLANLimit: 2, Clock: cpu.NewManualClock(c.clock)}, c.table, ports...)
	for _, p := range c.ports {
		peers[p.Name].SetLink(p.Up)
	}
	st.Walk()
	var out []captured
	for _, p := range in {
		id := uint32(1 + slices.IndexFunc(ports, func(q datapath.PortConfig) bool { return q.Name == p.port }))
		if err := st.Send(id, p.data); err != nil {
			t.Fatal(err)
		}
		for _, q := range ports {
			for _, data := range peers[q.Name].RecvBytes() {
				out = append(out, captured{port: q.Name, data: data})
			}
		}
		c.now += int64(apart)
	}
	return out
}
