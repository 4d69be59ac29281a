//go:build integration

package openflow

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow/flowtest"
	"github.com/culvertdev/culvert/ring/frame"
)

// matrixPorts are ports of all modes around VLAN 10, with all kinds of priority tags.
func matrixPorts() []rules.Port {
	modes := []rules.VLAN{
		{},
		{Trunks: []uint16{0, 10, 20}},
		{Trunks: []uint16{10}},
		{Mode: rules.VLANAccess, Tag: 10},
		{Mode: rules.VLANAccess, Tag: 20},
		{Mode: rules.VLANNativeTagged, Tag: 10},
		{Mode: rules.VLANNativeTagged, Tag: 20, Trunks: []uint16{10}},
		{Mode: rules.VLANNativeUntagged, Tag: 10},
		{Mode: rules.VLANNativeUntagged, Tag: 20, Trunks: []uint16{0, 10}},
		{Mode: rules.VLANDot1qTunnel, Tag: 10},
		{Mode: rules.VLANDot1qTunnel, Tag: 10, QinQType: tpid8021Q, CVLANs: []uint16{5, 10}},
		{Mode: rules.VLANDot1qTunnel, Tag: 20, CVLANs: []uint16{0, 10}},
	}
	var ports []rules.Port
	for _, priority := range []rules.PriorityTags{rules.PriorityTagsNever, rules.PriorityTagsIfNonzero, rules.PriorityTagsAlways} {
		for _, v := range modes {
			v.PriorityTags = priority
			n := uint32(len(ports) + 1)
			ports = append(ports, rules.Port{ID: 100 + n, Number: n, Protected: n%7 == 1, VLAN: v})
		}
	}
	return ports
}

// matrixTags are the tags of packets on the way in.
var matrixTags = []string{
	"", "81000000", "81006000", "8100000a", "8100600a", "88a80000", "88a8400a", "81000014", "81002005", "88a80005",
	"8100000a81000005", "8100600a8100a005", "88a8600a81000000", "8100600081004005", "8100000081004005", "8100001488a8000a", "8100000a8100600a",
}

// matrixDiffers are the packets that we treat otherwise, on purpose, with two tags in the key. OVS takes
// the inner of two tags off where a dot1q-tunnel puts a third on; we leave it. It takes an inner tag of VLAN 0
// without a priority off wherever the packet goes; we leave what is behind a tag that stays.
func matrixDiffers(in *rules.Port, limit int, tags string) bool {
	return limit == 2 && len(tags) == 16 && (in.VLAN.Mode == rules.VLANDot1qTunnel || tags[12:] == "0000")
}

// TestOpenVSwitchTagsTheSame: frames of all kinds into ports of all modes come out of ports of all modes
// as they come out of OVS, byte by byte.
func TestOpenVSwitchTagsTheSame(t *testing.T) {
	o := newOracle(t)
	ports := matrixPorts()
	o.bridge("m", ports, "actions=NORMAL")
	tb, _ := newTable(t, Options{}, ports, "actions=NORMAL")
	pool, err := frame.NewPool(frame.Options{Buffers: 1024})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, limit := range []int{1, 2} {
		o.run("ovs-vsctl", "set", "Open_vSwitch", ".", fmt.Sprintf("other_config:vlan-limit=%d", limit))
		compared := 0
		for i := range ports {
			for _, tags := range matrixTags {
				pkt := matrixPacket(t, tags)
				if matrixDiffers(&ports[i], limit, tags) {
					continue
				}
				want, actions := o.frames("m", ports[i].Number, pkt)
				v := lookQuery(t, tb, &rules.Query{Key: flowtest.Key(t, pool, limit, ports[i].ID, pkt)})
				got := runFrame(v.Actions.Words(), pkt)
				if !maps.EqualFunc(got, want, bytes.Equal) {
					t.Errorf("vlan-limit %d, into port %d %+v, tags [%s]\nours %s\nOVS  %s", limit, i+1, ports[i].VLAN, tags, program(v), actions)
				}
				compared += len(want)
			}
		}
		t.Logf("vlan-limit %d: %d frames compared", limit, compared)
	}
}

// matrixPacket returns a UDP packet with these tags.
func matrixPacket(t *testing.T, tags string) []byte {
	t.Helper()
	b, err := hex.DecodeString("ffffffffffff0200000000aa" + tags + "08004500001c0000000040110000" + "0a0000010a000002" + "03e8003500080000")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frames returns what the oracle's bridge sends for a frame, by port.
func (o *oracle) frames(bridge string, in uint32, pkt []byte) (out map[uint32][]byte, actions string) {
	o.t.Helper()
	trace := o.run("ovs-appctl", "ofproto/trace", "--names", bridge, fmt.Sprintf("in_port=%d", in), hex.EncodeToString(pkt))
	_, actions, _ = strings.Cut(trace, "Datapath actions: ")
	actions, _, _ = strings.Cut(actions, "\n")
	out = make(map[uint32][]byte)
	for _, a := range topLevel(actions) {
		port, isPort := o.portNumber(bridge, a)
		m := pushAction.FindStringSubmatch(a)
		switch {
		case isPort && port == PortLocal:
		case isPort:
			out[port+100] = pkt
		case a == "pop_vlan":
			pkt = popFrame(pkt)
		case m != nil:
			tpid := uint64(tpid8021Q)
			if m[1] != "" {
				tpid, _ = strconv.ParseUint(m[1], 0, 16)
			}
			vid, _ := strconv.ParseUint(m[2], 10, 16)
			pcp, _ := strconv.ParseUint(m[3], 10, 16)
			pkt = pushFrame(pkt, uint16(tpid), uint16(pcp<<13|vid))
		case a != "drop":
			o.t.Fatalf("datapath action %q is unknown to the test", a)
		}
	}
	return out, actions
}
