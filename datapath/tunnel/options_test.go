package tunnel

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap"
)

func opts(text string) map[string]string {
	m := make(map[string]string)
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		m[name] = value
	}
	return m
}

func parse(t testing.TB, typ encap.Type, text string) *Config {
	t.Helper()
	c, err := Parse(typ, opts(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsAreThoseOfOVS(t *testing.T) {
	one := netip.MustParseAddr("192.0.2.1")
	for _, c := range []struct {
		typ  encap.Type
		text string
		want Config
	}{
		{encap.VXLAN, "remote_ip=192.0.2.1", Config{DstPort: 4789, Checksum6: true}},
		{encap.Geneve, "remote_ip=192.0.2.1", Config{DstPort: 6081, Checksum6: true}},
		{encap.GRE, "remote_ip=192.0.2.1", Config{}},
		{encap.ERSPAN, "remote_ip=192.0.2.1", Config{ERSPAN: ERSPANFields{Version: Field{Value: 1}}}},
	} {
		want := c.want
		want.Type, want.Remote, want.DontFragment, want.TTL.Value = c.typ, End{Fixed, one}, true, 64
		if got := parse(t, c.typ, c.text); *got != want {
			t.Errorf("%s: %+v, want %+v", c.typ, *got, want)
		}
	}
}

func TestOptionsSayWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		typ  encap.Type
		text string
		ok   func(c *Config) bool
	}{
		{encap.VXLAN, "remote_ip=flow", func(c *Config) bool { return c.Checksum6 && !c.Checksum }},
		{encap.VXLAN, "remote_ip=2001:db8::1 csum=false", func(c *Config) bool { return !c.Checksum6 }},
		{encap.GRE, "remote_ip=2001:db8::1", func(c *Config) bool { return !c.Checksum6 }},
		{encap.GRE, "remote_ip=192.0.2.1 csum=true seq=true", func(c *Config) bool { return c.Checksum && c.Sequence }},
		{encap.VXLAN, "remote_ip=flow local_ip=flow key=flow", func(c *Config) bool {
			return c.Remote.From == Flow && c.Local.From == Flow && c.InKey.From == Flow && c.OutKey.From == Flow
		}},
		{encap.GRE, "remote_ip=192.0.2.1 key=7 out_key=0xffffffff", func(c *Config) bool { return c.InKey.ID == 7 && c.OutKey.ID == 0xffffffff }},
		{encap.GRE, "remote_ip=192.0.2.1 in_key=none", func(c *Config) bool { return c.InKey.From == Any }},
		{encap.VXLAN, "remote_ip=lookup profile=dc1 key=42", func(c *Config) bool { return c.Remote.From == Lookup && c.Profile == "dc1" }},
		{encap.VXLAN, "remote_ip=192.0.2.1 tos=inherit ttl=inherit", func(c *Config) bool { return c.TOS.Inherit && c.TTL.Inherit && c.TTL.Value == 64 }},
		{encap.VXLAN, "remote_ip=192.0.2.1 tos=0x28 ttl=9 df_default=false", func(c *Config) bool { return c.TOS.Value == 0x28 && c.TTL.Value == 9 && !c.DontFragment }},
		{encap.VXLAN, "remote_ip=192.0.2.1 exts=gbp egress_pkt_mark=5 dst_port=8472", func(c *Config) bool { return c.GroupPolicy && c.HasMark && c.Mark == 5 && c.DstPort == 8472 }},
		{encap.VXLAN, "remote_ip=192.0.2.1 mtu_action=fragment df_default=false", func(c *Config) bool { return c.TooLong == Fragment }},
		{encap.ERSPAN, "remote_ip=192.0.2.1 erspan_ver=2 erspan_dir=1 erspan_hwid=3f", func(c *Config) bool { return c.ERSPAN.Direction.Value == 1 && c.ERSPAN.Hardware.Value == 0x3f }},
		{encap.ERSPAN, "remote_ip=192.0.2.1 erspan_ver=flow erspan_idx=flow erspan_dir=1", func(c *Config) bool {
			return c.ERSPAN.Version.Flow && c.ERSPAN.Index.Flow && c.ERSPAN.Hardware.Flow && !c.ERSPAN.Direction.Flow
		}},
	} {
		if got := parse(t, c.typ, c.text); !c.ok(got) {
			t.Errorf("%s %s: %+v", c.typ, c.text, *got)
		}
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	for _, c := range []struct {
		typ        encap.Type
		text, want string
	}{
		{encap.VXLAN, "", `option remote_ip: want the other end's IP address, flow or lookup, found ""`},
		{encap.VXLAN, "remote_ip=here", `option remote_ip: want an IP address, flow or lookup, found "here"`},
		{encap.VXLAN, "remote_ip=0.0.0.0", `option remote_ip: want an IP address`},
		{encap.VXLAN, "remote_ip=239.1.1.1", `option remote_ip: want the IP address of one host`},
		{encap.VXLAN, "remote_ip=lookup", `option profile: want the name of the profile`},
		{encap.VXLAN, "remote_ip=192.0.2.1 profile=x", `option profile: unknown`},
		{encap.VXLAN, "remote_ip=192.0.2.1 local_ip=flow", `option local_ip: want an IP address, as remote_ip is not flow, found "flow"`},
		{encap.VXLAN, "remote_ip=192.0.2.1 local_ip=239.1.1.1", `option local_ip: want the IP address of one host or flow`},
		{encap.VXLAN, "remote_ip=192.0.2.1 local_ip=lookup", `option local_ip: want the IP address of one host or flow`},
		{encap.VXLAN, "remote_ip=192.0.2.1 local_ip=::1", `option local_ip: want an address of the same family as remote_ip`},
		{encap.VXLAN, "remote_ip=192.0.2.1 key=16777216", `option key: want a number of 0 to 16777215, flow or none`},
		{encap.ERSPAN, "remote_ip=192.0.2.1 key=1024", `option key: want a number of 0 to 1023`},
		{encap.NVGRE, "remote_ip=192.0.2.1", `option key: want a number or flow: nvgre has no packets without one`},
		{encap.NVGRE, "remote_ip=192.0.2.1 key=none", `option key: want a number of 0 to`},
		{encap.VXLAN, "remote_ip=192.0.2.1 tos=1", `option tos: want a number of 0 to 252`},
		{encap.VXLAN, "remote_ip=192.0.2.1 ttl=0", `option ttl: want a number of 1 to 255 or inherit, found "0"`},
		{encap.VXLAN, "remote_ip=192.0.2.1 exts=gbp,gpe", `option exts: want gbp or gpe`},
		{encap.VXLAN, "remote_ip=192.0.2.1 exts=stt", `option exts: want a list of gbp and gpe, found "stt"`},
		{encap.GRE, "remote_ip=192.0.2.1 dst_port=1", `option dst_port: unknown`},
		{encap.VXLAN, "remote_ip=192.0.2.1 seq=true", `option seq: unknown`},
		{encap.VXLAN, "remote_ip=192.0.2.1 packet_type=ptap", `option packet_type: want legacy_l2`},
		{encap.VXLAN, "remote_ip=192.0.2.1 mtu_action=fragment", `option mtu_action: want df_default=false beside fragment`},
		{encap.ERSPAN, "remote_ip=192.0.2.1 erspan_dir=1", `option erspan_dir: want it with erspan_ver 2 only`},
		{encap.ERSPAN, "remote_ip=192.0.2.1 erspan_ver=3", `option erspan_ver: want a hexadecimal number of 0 to 2, or flow`},
	} {
		err := Check(c.typ)(opts(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.typ, c.text, err, c.want)
		}
	}
}

func TestIdentityIsWhatPacketsThatComeInAreToldBy(t *testing.T) {
	same := func(a, b string) bool {
		return parse(t, encap.VXLAN, a).Identity() == parse(t, encap.VXLAN, b).Identity()
	}
	if !same("remote_ip=192.0.2.1", "remote_ip=192.0.2.1 key=0 ttl=3 out_key=9") {
		t.Error("no key and key 0 are two")
	}
	if !same("remote_ip=flow", "remote_ip=lookup profile=x") {
		t.Error("flow and lookup, which both take packets from anywhere, are two")
	}
	for _, other := range []string{"remote_ip=192.0.2.2", "remote_ip=192.0.2.1 key=1", "remote_ip=192.0.2.1 local_ip=192.0.2.9", "remote_ip=192.0.2.1 dst_port=1", "remote_ip=flow"} {
		if same("remote_ip=192.0.2.1", other) {
			t.Errorf("%s is the same", other)
		}
	}
	if got, want := parse(t, encap.VXLAN, "remote_ip=flow local_ip=192.0.2.9 key=flow").Identity().String(), "vxlan remote_ip=flow local_ip=192.0.2.9 in_key=flow dst_port=4789"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzOptions(f *testing.F) {
	f.Add(uint8(1), "remote_ip=192.0.2.1 key=flow tos=inherit")
	f.Add(uint8(5), "remote_ip=flow local_ip=flow erspan_ver=flow erspan_idx=ff")
	f.Fuzz(func(t *testing.T, typ uint8, text string) {
		types := encap.Types()
		c, err := Parse(types[int(typ)%len(types)], opts(text))
		if err == nil && (c.Remote.From == Any || c.Remote.From == Fixed && !c.Remote.Addr.IsValid()) {
			t.Errorf("%q leads nowhere: %+v", text, c)
		}
	})
}
