package tunnel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// parseERSPAN reads the fields of an ERSPAN header. Numbers are hexadecimal, as OVS has them.
func parseERSPAN(p *parser, c *Config) {
	e := &c.ERSPAN
	e.Version = p.field("erspan_ver", 1, 0, 2)
	e.Index = p.fieldOf(1, e.Version, "erspan_idx", 0xfffff)
	e.Direction = p.fieldOf(2, e.Version, "erspan_dir", 1)
	e.Hardware = p.fieldOf(2, e.Version, "erspan_hwid", 0x3f)
}

// fieldOf reads a field that only headers of one version have. Where the flow says the version it says the field, too,
// unless the options do.
func (p *parser) fieldOf(only uint32, version Field, name string, hi uint32) Field {
	if !version.Flow && version.Value != only {
		if p.Has(name) {
			p.Fail(name, fmt.Sprintf("it with erspan_ver %d only", only))
		}
		return Field{}
	}
	f := p.field(name, 0, 0, hi)
	f.Flow = f.Flow || version.Flow && !p.Has(name)
	return f
}

func (p *parser) field(name string, def, lo, hi uint32) (f Field) {
	f.Value = def
	switch v := p.String(name, ""); {
	case !p.Has(name):
	case v == "flow":
		f = Field{Flow: true}
	default:
		n, err := strconv.ParseUint(strings.TrimPrefix(v, "0x"), 16, 32)
		if err != nil || n < uint64(lo) || n > uint64(hi) {
			p.Fail(name, fmt.Sprintf("a hexadecimal number of %x to %x, or flow", lo, hi))
			return f
		}
		f.Value = uint32(n)
	}
	return f
}

// fillERSPAN fills in the fields of an ERSPAN header. A reason says that the flow's session is none.
func fillERSPAN(d *dispatch) action.Reason {
	e := &d.p.config.ERSPAN
	version := d.field(e.Version, flow.FieldTunErspanVer)
	if version != 0 && d.p.config.OutKey.From == Flow && d.all(flow.FieldTunID) > uint64(encap.ERSPAN.MaxKey()) {
		return action.BadTunnel
	}
	s := encap.Span{Version: uint8(version)}
	switch version {
	case 0:
		d.o.Key = 0 // a header without a session
	case 1:
		s.Index = d.field(e.Index, flow.FieldTunErspanIdx)
	case 2:
		s.Egress = d.field(e.Direction, flow.FieldTunErspanDir) != 0
		s.HWID = uint8(d.field(e.Hardware, flow.FieldTunErspanHWID))
	}
	d.o.ERSPAN = s
	return 0
}

// field returns what a field says that options or the flow fix.
func (d *dispatch) field(f Field, by flow.FieldID) uint32 {
	if f.Flow {
		return uint32(d.all(by))
	}
	return f.Value
}
