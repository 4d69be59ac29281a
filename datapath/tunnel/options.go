package tunnel

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/pmd/option"
)

// Check returns what says what is wrong with the options of a port of type t: an [*option.Error] for each
// mistake, joined.
func Check(t encap.Type) func(options map[string]string) error {
	return func(options map[string]string) error {
		_, err := Parse(t, options)
		return err
	}
}

// Parse reads the options of a port of type t. The error is as Check's.
func Parse(t encap.Type, options map[string]string) (*Config, error) {
	p := parser{Set: option.Of(options), typ: t}
	c := &Config{Type: t}
	p.ends(c)
	p.keys(c)
	p.headers(c)
	if parse := kinds[t].parse; parse != nil {
		parse(&p, c)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// A parser reads the options of one port.
type parser struct {
	*option.Set
	typ encap.Type
}

// ends reads the addresses.
func (p *parser) ends(c *Config) {
	const remote, local = "remote_ip", "local_ip"
	c.Remote = p.end(remote, "an IP address, flow or lookup")
	switch {
	case c.Remote.Addr.IsMulticast(): // as OVS; a profile can flood to a group
		p.Fail(remote, "the IP address of one host, flow or lookup")
	case !p.Has(remote):
		p.Fail(remote, "the other end's IP address, flow or lookup")
	case c.Remote.From == Lookup:
		if c.Profile = p.String("profile", ""); c.Profile == "" {
			p.Fail("profile", "the name of the profile that says where packets go")
		}
	}
	c.Local = p.end(local, "the IP address of one host or flow")
	switch {
	case c.Local.From == Lookup, c.Local.Addr.IsMulticast():
		p.Fail(local, "the IP address of one host or flow")
	case c.Local.From == Flow && c.Remote.From != Flow:
		p.Fail(local, "an IP address, as remote_ip is not flow")
	case c.Local.From == Fixed && c.Remote.From == Fixed && c.Local.Addr.Is4() != c.Remote.Addr.Is4():
		p.Fail(local, "an address of the same family as remote_ip")
	}
}

func (p *parser) end(name, want string) (e End) {
	switch v := p.String(name, ""); {
	case !p.Has(name):
	case v == "flow":
		e.From = Flow
	case v == "lookup":
		e.From = Lookup
	default:
		addr, err := netip.ParseAddr(v)
		if err != nil || addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() {
			p.Fail(name, want)
			return e
		}
		e = End{From: Fixed, Addr: addr}
	}
	return e
}

// keys reads the keys: one for both directions, or each for itself.
func (p *parser) keys(c *Config) {
	both := p.key("key")
	c.InKey, c.OutKey = both, both
	if p.Has("in_key") {
		c.InKey = p.key("in_key")
	}
	if p.Has("out_key") {
		c.OutKey = p.key("out_key")
	}
	if !p.typ.KeyOptional() && !p.Has("key") && !(p.Has("in_key") && p.Has("out_key")) {
		p.Fail("key", "a number or flow: "+p.typ.String()+" has no packets without one")
	}
}

func (p *parser) key(name string) (k Key) {
	switch v := p.String(name, ""); {
	case !p.Has(name), v == "none" && p.typ.KeyOptional():
	case v == "flow":
		k.From = Flow
	default:
		id, err := strconv.ParseUint(v, 0, 32)
		if err != nil || uint32(id) > p.typ.MaxKey() {
			p.Fail(name, fmt.Sprintf("a number of 0 to %d, flow or none", p.typ.MaxKey()))
			return k
		}
		k = Key{From: Fixed, ID: uint32(id)}
	}
	return k
}

// headers reads what the outer headers have beside addresses and key.
func (p *parser) headers(c *Config) {
	if p.typ.UDP() {
		c.DstPort = uint16(p.Int("dst_port", int(p.typ.Port()), 1, 65535))
	}
	c.TOS, c.TTL = p.tos(), p.ttl()
	c.DontFragment = p.Bool("df_default", true)
	if p.typ.Checksums() {
		c.Checksum = p.Bool("csum", false)
		c.Checksum6 = p.Bool("csum", p.typ.UDP()) // RFC 8200, section 8.1
	}
	if p.typ.Numbers() {
		c.Sequence = p.Bool("seq", false)
	}
	c.HasMark = p.Has("egress_pkt_mark")
	c.Mark = uint32(p.Int("egress_pkt_mark", 0, 0, 1<<32-1))
	switch p.Choice("mtu_action", "icmp", "fragment", "drop") {
	case "fragment":
		c.TooLong = Fragment
		if c.DontFragment && !c.Remote.Addr.Is6() {
			p.Fail("mtu_action", "df_default=false beside fragment: outer packets that nobody may cut are not cut here")
		}
	case "drop":
		c.TooLong = Drop
	}
	if v := p.String("packet_type", "legacy_l2"); v != "legacy_l2" {
		p.Fail("packet_type", "legacy_l2: only Ethernet frames travel by tunnels here")
	}
}

func (p *parser) tos() (i Inherited) {
	v := p.String("tos", "0")
	if i.Inherit = v == "inherit"; i.Inherit {
		return i
	}
	n, err := strconv.ParseUint(v, 0, 8)
	if err != nil || n&3 != 0 {
		p.Fail("tos", "a number of 0 to 252 whose lower two bits, which are ECN's, are zero, or inherit")
	}
	i.Value = uint8(n)
	return i
}

// defaultTTL is what OVS uses, too.
const defaultTTL = 64

func (p *parser) ttl() (i Inherited) {
	i.Value = defaultTTL // of packets that have none to inherit
	if i.Inherit = p.String("ttl", "") == "inherit"; !i.Inherit {
		n, err := strconv.ParseUint(p.String("ttl", strconv.Itoa(defaultTTL)), 0, 8)
		if err != nil || n == 0 {
			p.Fail("ttl", "a number of 1 to 255 or inherit")
		}
		i.Value = uint8(n)
	}
	return i
}
