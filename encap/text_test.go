package encap

import (
	"net/netip"
	"testing"
)

// TestStacksArePrintedAsOVSPrintsThem: the texts on the right are in the form of Open vSwitch's tnl_push.
func TestStacksArePrintedAsOVSPrintsThem(t *testing.T) {
	v4 := Outer{
		Type: VXLAN, DstMAC: [6]byte{0xf8, 0xbc, 0x12, 0x44, 0x34, 0xb6}, SrcMAC: [6]byte{0xaa, 0x55, 0xaa, 0x55},
		Src: netip.MustParseAddr("1.1.2.88"), Dst: netip.MustParseAddr("1.1.2.92"), TTL: 64, DontFragment: true, Key: 0x7b,
	}
	v6 := v4
	v6.Src, v6.Dst, v6.DontFragment = netip.MustParseAddr("2001:cafe::88"), netip.MustParseAddr("2001:cafe::92"), false
	const eth4 = "eth(dst=f8:bc:12:44:34:b6,src=aa:55:aa:55:00:00,dl_type=0x0800)"
	const eth6 = "eth(dst=f8:bc:12:44:34:b6,src=aa:55:aa:55:00:00,dl_type=0x86dd)"
	const udp4 = ",ipv4(src=1.1.2.88,dst=1.1.2.92,proto=17,tos=0,ttl=64,frag=0x4000),udp(src=0,dst="
	const gre4 = ",ipv4(src=1.1.2.88,dst=1.1.2.92,proto=47,tos=0,ttl=64,frag=0x4000),"
	for _, c := range []struct {
		name string
		from Outer
		make func(o *Outer)
		want string
	}{
		{"vxlan", v4, nil, "header(size=50,type=4," + eth4 + udp4 + "4789,csum=0x0),vxlan(flags=0x8000000,vni=0x7b))"},
		{"vxlan in a VLAN", v4, func(o *Outer) { o.VLAN = 3<<13 | 5 }, "header(size=54,type=4," + eth4 + ",vlan(vid=5,pcp=3)" + udp4 + "4789,csum=0x0),vxlan(flags=0x8000000,vni=0x7b))"},
		{"group policy", v4, func(o *Outer) { o.HasGBP, o.GBP.ID = true, 0x200 }, "header(size=50,type=4," + eth4 + udp4 + "4789,csum=0x0),vxlan(flags=0x88000200,vni=0x7b))"},
		{"geneve", v4, func(o *Outer) {
			o.Type, o.Options, o.Checksum = Geneve, []byte{0xff, 0xff, 0x80, 1, 0, 0, 0, 0xa}, true
		}, "header(size=58,type=5," + eth4 + udp4 + "6081,csum=0xffff),geneve(crit,vni=0x7b,options({class=0xffff,type=0x80,len=4,0xa})))"},
		{"geneve over IPv6", v6, func(o *Outer) { o.Type, o.OAM = Geneve, true },
			"header(size=70,type=5," + eth6 + ",ipv6(src=2001:cafe::88,dst=2001:cafe::92,label=0,proto=17,tclass=0x0,hlimit=64),udp(src=0,dst=6081,csum=0x0),geneve(oam,vni=0x7b))"},
		{"gre", v4, func(o *Outer) { o.Type, o.HasKey = GRE, true }, "header(size=42,type=3," + eth4 + gre4 + "gre((flags=0x2000,proto=0x6558),key=0x7b))"},
		{"gre with everything", v6, func(o *Outer) { o.Type, o.HasKey, o.Checksum, o.Sequence = GRE, true, true, true },
			"header(size=70,type=109," + eth6 + ",ipv6(src=2001:cafe::88,dst=2001:cafe::92,label=0,proto=47,tclass=0x0,hlimit=64),gre((flags=0xb000,proto=0x6558),csum=0x0,key=0x7b,seq=0x0))"},
		{"erspan", v4, func(o *Outer) { o.Type, o.ERSPAN = ERSPAN, Span{Version: 1, Index: 3} }, "header(size=50,type=107," + eth4 + gre4 + "erspan(ver=1,sid=0x7b,idx=0x3))"},
		{"erspan III", v4, func(o *Outer) { o.Type, o.ERSPAN = ERSPAN, Span{Version: 2, Egress: true, HWID: 7} },
			"header(size=54,type=107," + eth4 + gre4 + "erspan(ver=2,sid=0x7b,dir=1,hwid=0x7))"},
	} {
		o := c.from
		if c.make != nil {
			c.make(&o)
		}
		words, err := AppendStack(nil, &o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := Text(words); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	if got := Text([]uint64{1, 2}); got != "header(bad)" {
		t.Errorf("words that are no stack: %s", got)
	}
}
