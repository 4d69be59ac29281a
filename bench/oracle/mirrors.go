package oracle

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// beside is added to a scene's number where something of the scene is made from numbers of its own, so that the
// rest of it stays as it is.
const beside = 1 << 40

// mirrorPort is the port that such a mirror sends to.
const mirrorPort = 5

// mirrorFor returns the mirrors of a scene that both switches play: in one of four there is one, which selects what
// goes out by one port at most, lest the order count in which ports are flooded, and whole packets.
func mirrorFor(number uint64) []openflow.Mirror {
	g := newGenerator(number + beside)
	if !g.one(4) {
		return nil
	}
	m := g.mirror("m", 4)
	m.SelectAll, m.SelectDst = false, nil
	if g.one(2) {
		m.SelectDst = []string{portName(1 + g.Uint32N(4))}
	}
	m.OutputPort, m.OutputVLAN, m.Snaplen = portName(mirrorPort), 0, 0
	return []openflow.Mirror{m}
}

// mirrors returns any mirrors, for a scene that Culvert plays alone.
func (g *generator) mirrors() (list []openflow.Mirror) {
	for n := range g.IntN(4) {
		list = append(list, g.mirror(fmt.Sprintf("m%d", n), 5))
	}
	return list
}

// mirror returns a mirror that selects among the first ports of a scene.
func (g *generator) mirror(name string, ports uint32) openflow.Mirror {
	m := openflow.Mirror{Name: name, SelectAll: g.one(4), OutputPort: portName(1 + g.Uint32N(5)), Snaplen: pick(g, uint16(0), 0, 14, 60)}
	for n := range ports {
		if g.one(2) {
			m.SelectSrc = append(m.SelectSrc, portName(n+1))
		}
		if g.one(3) {
			m.SelectDst = append(m.SelectDst, portName(n+1))
		}
	}
	if g.one(3) {
		m.SelectVLANs = []uint16{pick(g, vids[:4]...)}
	}
	if g.one(3) {
		m.OutputPort, m.OutputVLAN = "", pick(g, vids[1:]...)
	}
	return m
}

// mirrorColumns returns the arguments with which ovs-vsctl gives a bridge mirrors, which send to ports.
func mirrorColumns(bridge string, list []openflow.Mirror) []string {
	var args []string
	set := func(names []string) string {
		for i, name := range names {
			names[i] = "@" + name
		}
		return "[" + strings.Join(names, ",") + "]"
	}
	for n := range uint32(5) {
		args = append(args, "--", "--id=@"+portName(n+1), "get", "port", portName(n+1))
	}
	for _, m := range list {
		args = append(args, "--", "--id=@"+m.Name, "create", "mirror", "name="+m.Name,
			"select_src_port="+set(append([]string(nil), m.SelectSrc...)), "select_dst_port="+set(append([]string(nil), m.SelectDst...)),
			"select_vlan="+strings.ReplaceAll(fmt.Sprint(m.SelectVLANs), " ", ","), "output_port=@"+m.OutputPort)
		args = append(args, "--", "add", "bridge", bridge, "mirrors", "@"+m.Name)
	}
	return args[1:]
}
