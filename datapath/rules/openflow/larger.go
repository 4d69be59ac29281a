package openflow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// CheckLarger writes to a bit whether the packet is longer than some number of bytes, from its Ethernet
// header on.
type CheckLarger struct {
	Size uint16
	Dst  flow.Subfield // of one bit
}

func (a *CheckLarger) appendText(b []byte) []byte {
	return appendSubfield(fmt.Appendf(b, "check_pkt_larger(%d)->", a.Size), a.Dst)
}

func parseCheckLarger(arg argument) (Action, error) {
	text, name, ok := cutArrow(arg.text)
	text, closed := strings.CutSuffix(text, ")")
	size, err := strconv.ParseUint(text, 0, 16)
	if err != nil || !ok || !closed {
		return nil, fmt.Errorf("want (bytes)->field[bit], found %q", arg.text)
	}
	dst, err := parseTarget(name)
	if err == nil && dst.Bits != 1 {
		err = fmt.Errorf("%s: want one bit, found %d", name, dst.Bits)
	}
	return &CheckLarger{Size: uint16(size), Dst: dst}, err
}

// parseTarget reads part of a field that actions write to.
func parseTarget(name string) (flow.Subfield, error) {
	dst, err := flow.ParseSubfield(strings.TrimSpace(name))
	if err == nil {
		err = checkWritable(dst.Field)
	}
	return dst, err
}

// checkLarger carries out a check_pkt_larger. Lengths are nothing that cached flows are told by: the packet
// comes back with the answer in its dp_hash, which is good for this action only.
func (x *xlate) checkLarger(a *CheckLarger) {
	if !x.hashed(func(p *action.Program) { p.Larger(uint32(a.Size)) }) {
		return
	}
	x.hash = 0
	x.seeBits(flow.FieldDPHash, 1)
	bit := [16]byte{15: byte(x.work.Uint(flow.FieldDPHash) & 1)}
	x.load(a.Dst, &bit)
	x.traceLoaded(a.Dst, bit)
}
