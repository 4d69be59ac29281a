//go:build integration

package openflow

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules/openflow/classbench"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// TestMegaflowsAreAsWideAsThoseOfOVS: for rule sets of all kinds, what we consult for a packet are bits that
// OVS consults as well. Where rules of one priority are in several subtables the two may try them in another
// order; such sets are not asked about, so there is no exception to allow.
func TestMegaflowsAreAsWideAsThoseOfOVS(t *testing.T) {
	o := newOracle(t)
	for i, kind := range classbench.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			o.t = t
			rules := kind.Rules(400, 3)
			bridge := fmt.Sprintf("br%d", i)
			text := strings.Join(rules, "\n")
			ports := trunks(1, 2, 3, 4, 5, 6, 7, 8)
			o.bridge(bridge, ports, text)
			tb, _ := newTable(t, Options{}, ports, text)
			g := rand.New(rand.NewPCG(5, 6))
			ours, theirs, wider := 0, 0, 0
			const packets = 150
			for range packets {
				header := "in_port=1," + classbench.Header(rules[g.IntN(len(rules))], g)
				if strings.Contains(header, "udp") {
					header = strings.ReplaceAll(header, "tp_", "udp_") // what OVS takes in a packet
				}
				our, their := &look(t, tb, header).Mask, o.megaflow(bridge, header)
				if !their.Covers(our) {
					t.Errorf("%s: we consult %v, OVS %v", header, fields(our), fields(their))
				}
				for _, f := range [...]flow.FieldID{flow.FieldInPort, flow.FieldIPFrag} { // which OVS always has
					our.Clear(f)
					their.Clear(f)
				}
				a, b := count(our), count(their)
				ours, theirs = ours+a, theirs+b
				if a < b {
					wider++
				}
			}
			t.Logf("%d packets: %.1f bits consulted by us, %.1f by OVS; %d of our megaflows are wider", packets,
				float64(ours)/packets, float64(theirs)/packets, wider)
		})
	}
}

// megaflow returns the mask that OVS has for a packet.
func (o *oracle) megaflow(bridge, text string) *flow.Mask {
	o.t.Helper()
	trace := o.run("ovs-appctl", "ofproto/trace", bridge, text)
	_, line, ok := strings.Cut(trace, "Megaflow: recirc_id=0,eth,")
	if !ok {
		o.t.Fatalf("no megaflow in\n%s", trace)
	}
	line, _, _ = strings.Cut(line, "\n")
	m, err := flow.ParseMatch(line, flow.Names{})
	if err != nil {
		o.t.Fatalf("%s: %v", line, err)
	}
	return &m.Mask
}

func count(m *flow.Mask) (n int) {
	for _, block := range m {
		for _, b := range block {
			n += bits.OnesCount8(b)
		}
	}
	return n
}

// fields says which bits of which fields a mask has.
func fields(m *flow.Mask) (list []string) {
	for _, f := range [...]flow.FieldID{
		flow.FieldInPort, flow.FieldEthType, flow.FieldIPSrc, flow.FieldIPDst, flow.FieldIPProto, flow.FieldIPFrag, flow.FieldTCPSrc, flow.FieldTCPDst,
	} {
		if m.Any(f) {
			list = append(list, fmt.Sprintf("%s/%#x", f, m.Uint(f)))
		}
	}
	return list
}
