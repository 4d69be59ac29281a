//go:build integration

package openflow

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
)

// setMirrors gives the oracle's bridge these mirrors in place of those it has.
func (o *oracle) setMirrors(bridge string, ports []rules.Port, list []Mirror) {
	o.t.Helper()
	port := func(name string) string {
		i := slices.IndexFunc(ports, func(p rules.Port) bool { return p.Name == name })
		return "@" + o.port(bridge, ports[i].Number)
	}
	args := []string{"clear", "bridge", bridge, "mirrors"}
	for i := range ports {
		args = append(args, "--", fmt.Sprintf("--id=%s", port(ports[i].Name)), "get", "port", o.port(bridge, ports[i].Number))
	}
	set := func(column string, names []string) []string {
		var ids []string
		for _, name := range names {
			ids = append(ids, port(name))
		}
		return []string{column + "=[" + strings.Join(ids, ",") + "]"}
	}
	for _, m := range list {
		args = append(args, "--", "--id=@"+m.Name, "create", "mirror", "name="+m.Name, fmt.Sprintf("select_all=%t", m.SelectAll))
		args = append(args, set("select_src_port", m.SelectSrc)...)
		args = append(args, set("select_dst_port", m.SelectDst)...)
		args = append(args, "select_vlan="+strings.ReplaceAll(fmt.Sprint(m.SelectVLANs), " ", ","))
		if m.OutputPort != "" {
			args = append(args, "output_port="+port(m.OutputPort))
		} else {
			args = append(args, fmt.Sprintf("output_vlan=%d", m.OutputVLAN))
		}
		if m.Snaplen != 0 {
			args = append(args, fmt.Sprintf("snaplen=%d", m.Snaplen))
		}
		args = append(args, "--", "add", "bridge", bridge, "mirrors", "@"+m.Name)
	}
	o.run("ovs-vsctl", args...)
}

var (
	truncAction = regexp.MustCompile(`^trunc\((\d+)\)$`)
	dstAction   = regexp.MustCompile(`^set\(eth\(dst=([0-9a-f:]+)\)\)$`)
)

// sendsAll returns all frames that the oracle's bridge sends for one, each behind its port.
func (o *oracle) sendsAll(bridge string, in uint32, pkt []byte) (out []string, actions string) {
	o.t.Helper()
	trace := o.run("ovs-appctl", "ofproto/trace", "--names", bridge, fmt.Sprintf("in_port=%d", in), hex.EncodeToString(pkt))
	_, actions, _ = strings.Cut(trace, "Datapath actions: ")
	actions, _, _ = strings.Cut(actions, "\n")
	return o.sends(bridge, actions, pkt), actions
}

func (o *oracle) sends(bridge, actions string, pkt []byte) (out []string) {
	o.t.Helper()
	limit := len(pkt) + 100
	for _, a := range topLevel(actions) {
		port, isPort := o.portNumber(bridge, a)
		push, trunc, dst := pushAction.FindStringSubmatch(a), truncAction.FindStringSubmatch(a), dstAction.FindStringSubmatch(a)
		inner, isClone := strings.CutPrefix(a, "clone(")
		switch {
		case isPort:
			out = append(out, fmt.Sprintf("%d %x", port, pkt[:min(len(pkt), limit)]))
			limit = len(pkt) + 100
		case a == "pop_vlan":
			pkt = popFrame(pkt)
		case trunc != nil:
			limit, _ = strconv.Atoi(trunc[1])
		case push != nil:
			vid, _ := strconv.ParseUint(push[2], 10, 16)
			pcp, _ := strconv.ParseUint(push[3], 10, 16)
			pkt = pushFrame(pkt, tpid8021Q, uint16(pcp<<13|vid))
		case dst != nil:
			mac, _ := hex.DecodeString(strings.ReplaceAll(dst[1], ":", ""))
			pkt = slices.Concat(mac, pkt[6:])
		case isClone:
			out = append(out, o.sends(bridge, strings.TrimSuffix(inner, ")"), pkt)...)
		case a != "drop":
			o.t.Fatalf("datapath action %q is unknown to the test", a)
		}
	}
	return out
}

// TestOpenVSwitchMirrorsTheSame: with random mirrors, packets and their copies come out as they come out of OVS,
// byte by byte and as many.
func TestOpenVSwitchMirrorsTheSame(t *testing.T) {
	o := newOracle(t)
	total := 0
	for seed := range uint64(40) {
		g := rand.New(rand.NewPCG(seed, 0))
		ports, list, flows := mirrorScene(g)
		bridge := fmt.Sprintf("m%d", seed)
		o.bridge(bridge, ports, flows)
		o.setMirrors(bridge, ports, list)
		local := rules.Port{ID: 100 + PortLocal, Number: PortLocal, Name: "local"} // which OVS's bridge has anyway
		s := newSnoopBench(t, Snooping{}, append(slices.Clone(ports), local))
		if _, _, err := s.table.ReplaceFlows(nil); err != nil {
			t.Fatal(err)
		}
		add(t, s.table, flows)
		if err := s.table.SetMirrors(list); err != nil {
			t.Fatal(err)
		}
		for step := range 20 {
			port := uint32(1 + g.IntN(len(ports)))
			pkt := matrixPacket(t, []string{"", "8100000a", "81006014", "81000063", "81000000"}[g.IntN(5)])
			pkt[0], pkt[5] = 2, byte(g.IntN(8))
			if g.IntN(10) == 0 {
				copy(pkt, []byte{1, 0x80, 0xc2, 0, 0, 1})
			}
			pkt[11] = byte(port)
			want, actions := o.sendsAll(bridge, port, pkt)
			v := s.send(port, pkt)
			got := sentFrames(v.Actions.Words(), pkt)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d, port %d, frame %x\n%s\nours %s\nOVS  %s\ngot  %s\nwant %s\nports %+v\nmirrors %+v", seed, step, port, pkt, flows, program(v), actions,
					strings.Join(got, "\n     "), strings.Join(want, "\n     "), ports, list)
			}
			total += len(want)
		}
		o.run("ovs-vsctl", "del-br", bridge)
	}
	t.Logf("%d frames compared", total)
}
