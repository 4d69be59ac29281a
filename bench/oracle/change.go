package oracle

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/rules/mdb"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// change makes the change that a byte of a script stands for, and brings the caches into agreement. What the switch
// refuses, because something is there or is not, is not changed.
func (w *witness) change(s *Scene, b byte) error {
	g := newGenerator(s.Number<<8 | uint64(b))
	g.alone = true
	var err error
	switch b % 11 {
	case 0, 1:
		w.c.addFlow(g.flow(1 + g.IntN(2*len(s.Flows))))
	case 2:
		w.c.addFlow(strings.Replace(g.flow(100+g.IntN(100)), ",actions=", fmt.Sprintf(",%s_timeout=%d,actions=", pick(g, "idle", "hard"), 1+g.IntN(3)), 1))
	case 3:
		err = w.c.deleteFlows(fmt.Sprintf("table=%d", g.IntN(4)))
	case 4:
		err = w.c.deleteFlows(pick(g, "ip", "tcp", "dl_vlan=5", "in_port=2", "mpls", "out_port=3"))
	case 5:
		err = w.c.modFlows(fmt.Sprintf("table=%d,actions=%s", g.IntN(4), pick(g, "output:2", "drop", "NORMAL", "resubmit(,3)")))
	case 6:
		w.c.now += int64(time.Duration(1+g.IntN(2000)) * time.Millisecond)
	case 7:
		err = w.c.changePort(g)
	case 8:
		err = w.c.changeGroup(g)
	case 9: // with the rules that name it; or what multicast snooping has learned goes, and mirrors and bonds are others
		if w.c.table.DeleteGroup(1 + g.Uint32N(6)); g.one(2) {
			w.c.table.FlushListeners(mdb.Filter{})
			err = errors.Join(w.c.table.SetBonds(g.bonds()), w.c.table.SetMirrors(g.mirrors()))
		}
	case 10:
		err = w.c.changeMeter(g)
	}
	w.c.sw.Walk()
	return err
}

// changePort takes a port's link away or gives it back, or makes it a member of other VLANs or closed for some traffic.
func (c *culvert) changePort(g *generator) error {
	number := 1 + g.Uint32N(5)
	if g.one(2) {
		c.peers[number].SetLink(!g.one(2))
		return nil
	}
	c.altered[number] = rules.Port{VLAN: g.vlan(), Protected: g.one(4), Flags: pick(g, 0, 0, rules.NoReceive, rules.NoForward, rules.NoFlood)}
	var ports []rules.Port
	for _, p := range c.sw.Ports() {
		is := rules.Port{VLAN: p.Config.VLAN, Protected: p.Config.Protected, Flags: p.Flags}
		if other, ok := c.altered[p.Number]; ok {
			is = other
		}
		is.ID, is.Number, is.Name, is.Up = p.ID, p.Number, p.Name, p.LinkUp
		ports = append(ports, is)
	}
	c.table.SetPorts(ports) // as the switch does when its configuration changes
	return nil
}

// changeGroup makes a group another one, or adds or removes buckets.
func (c *culvert) changeGroup(g *generator) error {
	id := 5 + g.IntN(2)
	switch g.IntN(4) {
	case 0:
		return c.modGroup(pick(g, g.groups()...))
	case 1:
		return c.modGroup(g.selectGroup(id))
	case 2:
		m, err := c.table.Parser().ParseGroup(fmt.Sprintf("group_id=%d,command_bucket_id=%s,bucket=weight=%d,actions=%s", id, pick(g, "first", "last"), g.IntN(4), g.bucket()))
		if err == nil {
			c.table.InsertBuckets([]openflow.GroupMod{m})
		}
		return err
	}
	m, err := c.table.Parser().ParseGroup(fmt.Sprintf("group_id=%d,command_bucket_id=%s", id, pick(g, "first", "last", "all")))
	if err == nil {
		c.table.RemoveBuckets([]openflow.GroupMod{m})
	}
	return err
}

// changeMeter makes a meter another one, or takes it away with the rules that use it; or all learned addresses go.
func (c *culvert) changeMeter(g *generator) error {
	switch g.IntN(4) {
	case 0:
		c.table.FlushAddresses(fdb.Filter{})
		return nil
	case 1:
		c.table.DeleteMeter(1)
		return nil
	}
	m, err := openflow.ParseMeter(fmt.Sprintf("meter=1,pktps,burst,bands=type=drop,rate=%d,burst_size=%d", pick(g, 1, 100, 100000), pick(g, 1, 10)))
	if err == nil && c.table.ModMeter(m) != nil {
		err = c.table.AddMeter(m)
	}
	return err
}

func (c *culvert) deleteFlows(text string) error {
	f, err := openflow.ParseFilter(text, false)
	if err == nil {
		c.table.DeleteFlows(f)
	}
	return err
}

func (c *culvert) modGroup(text string) error {
	g, err := c.table.Parser().ParseGroup(text)
	if err != nil {
		return err
	}
	return c.table.ModGroups([]openflow.Group{g.Group}, true)
}

func (c *culvert) modFlows(text string) error {
	m, err := openflow.Parser{}.ParseMod(text, false)
	if err == nil {
		_, err = c.table.ModFlows(m)
	}
	return err
}
