package openflow

import (
	"errors"
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// What a packet has beside its bytes, and controllers are told and may say, are pipeline fields (OpenFlow 1.5.1 section
// 7.2.3.9): in_port, registers, metadata, tunnel fields.

// isPipeline reports whether a field is one of them, other than in_port.
func isPipeline(f flow.FieldID) bool {
	return f.IsRegister() || f == flow.FieldMetadata || f.IsTunMetadata() || slices.Contains(tunnelFields, f)
}

// registerFields are the narrow registers and metadata.
var registerFields = func() []flow.FieldID {
	list := []flow.FieldID{flow.FieldMetadata}
	for f := flow.FieldID(flow.FieldReg0); f <= flow.FieldReg31; f++ {
		list = append(list, f)
	}
	return list
}()

// tunnelFields are the tunnel fields that are no options.
var tunnelFields = []flow.FieldID{
	flow.FieldTunID, flow.FieldTunSrc, flow.FieldTunDst, flow.FieldTunIPv6Src, flow.FieldTunIPv6Dst, flow.FieldTunFlags,
	flow.FieldTunGBPID, flow.FieldTunGBPFlags, flow.FieldTunErspanIdx, flow.FieldTunErspanVer, flow.FieldTunErspanDir, flow.FieldTunErspanHWID,
}

// matchTunnel makes m match the tunnel fields that its key has. options says which are there beside tunnelFields.
func matchTunnel(m *flow.Match, options *flow.TLVMap) {
	for _, f := range tunnelFields {
		b := m.Key.Bytes(f)
		if m.Key.Uint(f) != 0 || len(b) > 8 && slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			m.Mask.SetExact(f)
		}
	}
	for _, o := range options.Options() {
		if m.Key.Uint(o.Field) == 0 {
			continue
		}
		var value [maxOption]byte
		at := options.Place(o.Field)
		m.Key.Option(at, value[:])
		m.SetOption(o.Field, at, value[:at.Size()], longOnes[:at.Size()])
	}
}

// ParsePipeline reads what a packet has beside its bytes, as PacketIn.MatchText has it.
func (p Parser) ParsePipeline(s string) (flow.Match, error) {
	m, err := flow.ParseMatch(s, p.names())
	if err != nil {
		return m, err
	}
	rest := m.Mask
	rest.Clear(flow.FieldInPort)
	rest.Clear(flow.FieldPktMark)
	for b := range rest[:flow.Tunnel] {
		if !rest[b].IsZero() {
			return m, errors.New("want in_port, registers, metadata and tunnel fields, found what the packet's bytes say")
		}
	}
	return m, nil
}
