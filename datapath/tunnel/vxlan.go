package tunnel

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Flags of a group policy that headers carry (draft-smith-vxlan-group-policy-05 section 2.1).
const (
	gbpDontLearn = 0x40 // nobody may learn from the packet where its sender is
	gbpApplied   = 0x08 // the policy has been applied to the packet
)

// parseVXLAN reads exts.
func parseVXLAN(p *parser, c *Config) {
	for _, e := range p.List("exts") {
		switch e {
		case "gbp":
			c.GroupPolicy = true
		case "gpe":
			c.Generic = true
		default:
			p.Fail("exts", "a list of gbp and gpe")
		}
	}
	if c.GroupPolicy && c.Generic {
		p.Fail("exts", "gbp or gpe: they use the same bits of the header")
	}
}

// fillVXLAN fills in the extensions.
func fillVXLAN(d *dispatch) action.Reason {
	o := &d.o
	o.GPE = d.p.config.Generic
	if o.HasGBP = d.p.config.GroupPolicy; o.HasGBP {
		o.GBP = encap.GBP{ID: uint16(d.all(flow.FieldTunGBPID)), Flags: uint8(d.all(flow.FieldTunGBPFlags)) & (gbpDontLearn | gbpApplied)}
	}
	return 0
}

// Secrecy implements rules.TunnelCensor.
func (p *Port) Secrecy() uint64 {
	if !p.config.GroupPolicy {
		return 0
	}
	return gbpDontLearn
}
