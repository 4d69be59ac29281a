package flow

import (
	"strings"
	"testing"
)

// testPorts is a PortNames with a few ports.
type testPorts map[string]uint32

func (p testPorts) PortNumber(name string) (uint32, bool) {
	n, ok := p[name]
	return n, ok
}

func (p testPorts) PortName(number uint32) (string, bool) {
	for name, n := range p {
		if n == number {
			return name, true
		}
	}
	return "", false
}

// matchTexts are matches and how ovs-ofctl 3.1 prints them. The integration test holds the second
// column against the program itself.
var matchTexts = []struct{ in, out string }{
	{"", ""},
	{"in_port=1", "in_port=1"},
	{"in_port=LOCAL", "in_port=LOCAL"},
	{"in_port=local", "in_port=LOCAL"},
	{"in_port=65534", "in_port=LOCAL"},
	{"in_port=4294967294", "in_port=LOCAL"},
	{"in_port=65280", "in_port=65280"},
	{"in_port_oxm=1", "in_port=1"},
	{"eth,ip", "ip"},
	{"tcp,udp", "udp"},
	{"ip", "ip"},
	{"ip4", "ip"},
	{"dl_type=0x800,nw_proto=6", "tcp"},
	{"eth_type=0x86dd,ip_proto=58", "icmp6"},
	{"ip6,nw_proto=132", "sctp6"},
	{"ip,nw_proto=47", "ip,nw_proto=47"},
	{"dl_type=0x1234", "dl_type=0x1234"},
	{"dl_type=0x05ff", "dl_type=0x05ff"},
	{"arp,nw_src=192.0.2.1,nw_proto=1", "arp,arp_spa=192.0.2.1,arp_op=1"},
	{"ip,arp_spa=192.0.2.1", "ip,nw_src=192.0.2.1"},
	{"rarp,arp_op=3,arp_sha=00:00:5e:00:53:01", "rarp,arp_op=3,arp_sha=00:00:5e:00:53:01"},
	{"arp,arp_tha=00:00:5e:00:53:01/ff:ff:ff:00:00:00", "arp,arp_tha=00:00:5e:00:00:00/ff:ff:ff:00:00:00"},
	{"dl_src=0:1:22:33:44:55,eth_dst=ff:ff:ff:ff:ff:ff", "dl_src=00:01:22:33:44:55,dl_dst=ff:ff:ff:ff:ff:ff"},
	{"dl_src=00:11:22:33:44:55/ff:ff:00:00:00:00", "dl_src=00:11:00:00:00:00/ff:ff:00:00:00:00"},
	{"eth_src=*", ""},
	{"vlan_pcp=3", "dl_vlan_pcp=3"},
	{"dl_vlan=5,dl_vlan_pcp=3", "dl_vlan=5,dl_vlan_pcp=3"},
	{"vlan_vid=0x1005", "dl_vlan=5"},
	{"vlan_vid=0x1000/0x1000", "vlan_tci=0x1000/0x1000"},
	{"vlan_vid=0", "vlan_tci=0x0000"},
	{"dl_vlan=0xffff", "vlan_tci=0x0000"},
	{"dl_vlan=65535", "vlan_tci=0x0000"},
	{"vlan_tci=0", "vlan_tci=0x0000"},
	{"vlan_tci=0x1000/0x1000", "vlan_tci=0x1000/0x1000"},
	{"vlan_tci=0x0005/0x0fff", "vlan_tci=0x0005/0x0fff"},
	{"vlan_tci=0xe000/0xe000", "vlan_tci=0xe000/0xe000"},
	{"vlan_tci=0xf005", "dl_vlan=5,dl_vlan_pcp=7"},
	{"dl_vlan=5,vlan_tci=0", "vlan_tci=0x0000"},
	{"tcp,tcp_flags=+syn-ack", "tcp,tcp_flags=+syn-ack"},
	{"tcp,tcp_flags=0x12/0x3f", "tcp,tcp_flags=-fin+syn-rst-psh+ack-urg"},
	{"tcp,tcp_flags=syn|ack", "tcp,tcp_flags=syn|ack"},
	{"tcp,tcp_flags=0x12", "tcp,tcp_flags=syn|ack"},
	{"tcp,tcp_flags=0x812", "tcp,tcp_flags=syn|ack|[800]"},
	{"tcp,tcp_flags=0", "tcp,tcp_flags=0"},
	{"tcp,tcp_flags=0/0", "tcp"},
	{"ip,nw_frag=no", "ip,nw_frag=no"},
	{"ip,nw_frag=yes", "ip,nw_frag=yes"},
	{"ip,ip_frag=first", "ip,nw_frag=first"},
	{"ip,nw_frag=later", "ip,nw_frag=later"},
	{"ip,nw_frag=not_later", "ip,nw_frag=not_later"},
	{"ip,nw_tos=252", "ip,nw_tos=252"},
	{"ip,ip_dscp=63,ip_ecn=3", "ip,nw_tos=252,nw_ecn=3"},
	{"ip,nw_ttl=64", "ip,nw_ttl=64"},
	{"ip,nw_ttl=*", "ip"},
	{"ip,nw_src=192.0.2.1/255.0.255.0", "ip,nw_src=192.0.2.0/255.0.255.0"},
	{"ip,nw_src=192.0.2.1/8", "ip,nw_src=192.0.0.0/8"},
	{"ip,ip_dst=192.0.2.1/0", "ip"},
	{"ip,nw_src=192.0.2.1,nw_src=192.0.2.2", "ip,nw_src=192.0.2.2"},
	{"ip,NXM_OF_IP_SRC[]=5", "ip,nw_src=0.0.0.5"},
	{"ipv6,ipv6_src=2001:db8::/32,ipv6_dst=2001:db8::1", "ipv6,ipv6_src=2001:db8::/32,ipv6_dst=2001:db8::1"},
	{"ipv6,ipv6_src=::1/::ffff", "ipv6,ipv6_src=::1/::ffff"},
	{"ipv6,ipv6_label=0x12345", "ipv6,ipv6_label=0x12345"},
	{"ipv6,ipv6_label=5/0xf", "ipv6,ipv6_label=0x00005/0x0000f"},
	{"tcp,tp_src=80,tcp_dst=443", "tcp,tp_src=80,tp_dst=443"},
	{"ip,nw_proto=6,tp_dst=80/0xfff0", "tcp,tp_dst=0x50/0xfff0"},
	{"udp,tcp_src=5", "udp,tp_src=5"},
	{"tp_src=53,udp6", "udp6,tp_src=53"},
	{"sctp,sctp_dst=5", "sctp,tp_dst=5"},
	{"icmp,icmp_type=8,icmp_code=0", "icmp,icmp_type=8,icmp_code=0"},
	{"icmp,tp_src=8", "icmp,icmp_type=8"},
	{"icmp6,icmp_type=135,icmp_code=0", "icmp6,icmp_type=135,icmp_code=0"},
	{"icmp6,icmpv6_type=135,nd_target=2001:db8::1", "icmp6,icmp_type=135,nd_target=2001:db8::1"},
	{"icmp6,icmp_type=135,icmp_code=0,nd_target=::1,nd_sll=00:00:00:00:00:01", "icmp6,icmp_type=135,icmp_code=0,nd_target=::1,nd_sll=00:00:00:00:00:01"},
	{"icmp6,icmp_type=136,icmp_code=0,nd_tll=00:00:00:00:00:01", "icmp6,icmp_type=136,icmp_code=0,nd_tll=00:00:00:00:00:01"},
	{"mpls,mpls_label=5,mpls_tc=1,mpls_bos=1,mpls_ttl=3", "mpls,mpls_label=5,mpls_tc=1,mpls_ttl=3,mpls_bos=1"},
	{"mplsm", "mplsm"},
	{"reg0=0", "reg0=0"},
	{"reg1=5/0xff", "reg1=0x5/0xff"},
	{"xreg0=0x100000002", "reg0=0x1,reg1=0x2"},
	{"xxreg0=1", "reg0=0,reg1=0,reg2=0,reg3=0x1"},
	{"xxreg3=0x112233445566778899aabbccddeeff00", "reg12=0x11223344,reg13=0x55667788,reg14=0x99aabbcc,reg15=0xddeeff00"},
	{"NXM_NX_REG0[0..3]=5", "reg0=0x5/0xf"},
	{"NXM_NX_REG0[0..3]=5,NXM_NX_REG0[31]=1", "reg0=0x80000005/0x8000000f"},
	{"tun_id=0", "tun_id=0"},
	{"tunnel_id=5/0xf", "tun_id=0x5/0xf"},
	{"tun_src=192.0.2.1,tun_dst=192.0.2.0/24", "tun_src=192.0.2.1,tun_dst=192.0.2.0/24"},
	{"tun_ipv6_dst=2001:db8::1", "tun_ipv6_dst=2001:db8::1"},
	{"tun_flags=oam", "tun_flags=+oam"},
	{"tun_flags=+oam", "tun_flags=+oam"},
	{"tun_gbp_id=5/0xff,tun_gbp_flags=0x48", "tun_gbp_id=0x5/0xff,tun_gbp_flags=0x48"},
	{"metadata=1,pkt_mark=5", "pkt_mark=0x5,metadata=0x1"},
	{"conj_id=5", "conj_id=5"},
	{"dp_hash=1/3", "dp_hash=0x1/0x3"},
	{"recirc_id=4", "recirc_id=0x4"},
	{"actset_output=2", "actset_output=2"},
	{"dl_dst=00:00:5e:00:53:01 , in_port=2\ttcp", "tcp,in_port=2,dl_dst=00:00:5e:00:53:01"},
}

func TestMatchTextIsThatOfOVS(t *testing.T) {
	for _, tc := range matchTexts {
		m, err := ParseMatch(tc.in, Names{})
		if err != nil {
			t.Errorf("parse %q: %v", tc.in, err)
			continue
		}
		if got := m.String(); got != tc.out {
			t.Errorf("match %q prints as %q, want %q", tc.in, got, tc.out)
		}
		again, err := ParseMatch(m.String(), Names{})
		if err != nil || again != m {
			t.Errorf("match %q does not survive a round trip through %q: %v", tc.in, m.String(), err)
		}
	}
}

func TestMatchTextErrorsNameFieldExpectedAndFound(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string // what the message must say
	}{
		{"bogus=1", []string{"bogus", "match field"}},
		{"ip=5", []string{"ip", "no value", `"5"`}},
		{"reg0", []string{"reg0", "want a value"}},
		{"ip,nw_src=", []string{"nw_src", "want a value"}},
		{"ip,nw_src=bogus", []string{"nw_src", "IPv4 address", `"bogus"`}},
		{"ip,nw_src=192.0.2.1/33", []string{"nw_src", "0 to 32", `"33"`}},
		{"ip,nw_src=::1", []string{"nw_src", "IPv4 address", `"::1"`}},
		{"ipv6,ipv6_src=fe80::1%eth0", []string{"ipv6_src", "IPv6 address"}},
		{"dl_src=1", []string{"dl_src", "Ethernet address", `"1"`}},
		{"dl_src=1:2:3:4:5:6:7", []string{"dl_src", "Ethernet address"}},
		{"dl_src=001:2:3:4:5:6", []string{"dl_src", "Ethernet address"}},
		{"ip,nw_proto=256", []string{"nw_proto", "0xff", `"256"`}},
		{"ip,nw_proto=6/0xf", []string{"nw_proto", "no mask", `"6/0xf"`}},
		{"ip,nw_tos=3", []string{"nw_tos", "0xfc", `"3"`}},
		{"ip,nw_ecn=4", []string{"nw_ecn", "0x3", `"4"`}},
		{"arp,arp_op=256", []string{"arp_op", "0xff", `"256"`}},
		{"dl_vlan=4096", []string{"dl_vlan", "0xfff", `"4096"`}},
		{"dl_vlan_pcp=8", []string{"dl_vlan_pcp", "0x7", `"8"`}},
		{"vlan_vid=5", []string{"vlan_vid", "0x1005", "0x5"}},
		{"reg0=0x100000000", []string{"reg0", "0xffffffff"}},
		{"reg0=1_0", []string{"reg0", `"1_0"`}},
		{"reg0=0b1", []string{"reg0", `"0b1"`}},
		{"reg0=+1", []string{"reg0", `"+1"`}},
		{"in_port=70000", []string{"in_port", "port number", `"70000"`}},
		{"in_port=nosuch", []string{"in_port", "name of a port", `"nosuch"`}},
		{`in_port="nosuch`, []string{"in_port", "name of a port"}},
		{"tcp,tcp_flags=+foo", []string{"tcp_flags", "syn", `"foo"`}},
		{"tcp,tcp_flags=+syn-syn", []string{"tcp_flags", "once", `"syn"`}},
		{"tcp,tcp_flags=0x1000", []string{"tcp_flags", `"0x1000"`}},
		{"tun_flags=+oam-csum", []string{"tun_flags", "oam", `"csum"`}},
		{"ip,nw_frag=bogus", []string{"nw_frag", "not_later", `"bogus"`}},
		{"NXM_NX_REG0[3..1]=5", []string{"NXM_NX_REG0[3..1]", "0 to 31", `"3..1"`}},
		{"NXM_NX_REG0[0..32]=5", []string{"0 to 31", `"0..32"`}},
		{"NXM_NX_REG0[0..3=5", []string{"want ]"}},
		{"NOSUCH[]=5", []string{"NOSUCH", "field"}},
		{"NXM_NX_REG0[0..3]=16", []string{"NXM_NX_REG0[0..3]", "0xf", `"16"`}},
		{"ip,NXM_OF_IP_PROTO[0..3]=1", []string{"NXM_OF_IP_PROTO", "all of nw_proto"}},
		{"nw_src=192.0.2.1", []string{"nw_src", "want ip", "no dl_type"}},
		{"tcp_dst=80", []string{"tcp_dst", "tcp (or tcp6) or udp", "no dl_type"}},
		{"arp,tp_dst=80", []string{"tcp_dst", "found arp"}},
		{"ip,tp_src=5", []string{"tcp_src", "found ip"}},
		{"ipv6,nw_src=192.0.2.1", []string{"nw_src", "found ipv6"}},
		{"udp,tcp_flags=+syn", []string{"tcp_flags", "found udp"}},
		{"ip,mpls_label=4", []string{"mpls_label", "mpls", "found ip"}},
		{"tcp,nw_frag=later,tp_src=80", []string{"tcp_src", "nw_frag=later"}},
		{"icmp6,icmp_type=128,nd_target=::1", []string{"nd_target", "135", "found icmp6"}},
		{"icmp6,icmp_type=135,nd_tll=00:00:00:00:00:01", []string{"tha", "nd_tll", "136"}},
		{"icmp,tp_src=300", []string{"icmp_type", "0 to 255", "0x12c"}},
		{"icmp,tp_src=8/0xf0", []string{"icmp_type", "without a mask"}},
	} {
		_, err := ParseMatch(tc.in, Names{})
		if err == nil {
			t.Errorf("match %q: want an error", tc.in)
			continue
		}
		for _, w := range tc.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("match %q: error %q does not say %q", tc.in, err, w)
			}
		}
	}
}

func TestPortNamesAreReadAndPrinted(t *testing.T) {
	ports := testPorts{"eth0": 1, "local": 2, "a b,c": 3, "7": 4, "br-int.5": 5}
	for _, tc := range []struct{ in, out string }{
		{"in_port=eth0", "in_port=eth0"},
		{`in_port="eth0"`, "in_port=eth0"},
		{"in_port=1", "in_port=eth0"},
		{`in_port="local"`, `in_port="local"`}, // not the reserved port
		{"in_port=local", "in_port=LOCAL"},
		{`in_port="a b,c",ip`, `ip,in_port="a b,c"`},
		{"in_port=4", `in_port="7"`},
		{"in_port=7", "in_port=7"},
		{"in_port=5", "in_port=br-int.5"},
	} {
		m, err := ParseMatch(tc.in, Names{Ports: ports})
		if err != nil {
			t.Errorf("parse %q: %v", tc.in, err)
			continue
		}
		got := string(m.Append(nil, Names{Ports: ports}))
		if got != tc.out {
			t.Errorf("match %q prints as %q, want %q", tc.in, got, tc.out)
		}
		if again, err := ParseMatch(got, Names{Ports: ports}); err != nil || again != m {
			t.Errorf("match %q does not survive a round trip: %v", tc.in, err)
		}
	}
}

func TestEveryFieldIsFoundByEveryNameAndKeepsItsPlace(t *testing.T) {
	for f := FieldID(1); f < NumFields; f++ {
		info := f.Info()
		if info.ID != f || info.Name == "" {
			t.Fatalf("field %d is not in the table", f)
		}
		for _, name := range append([]string{info.Name}, info.Aliases...) {
			if got, ok := FieldByName(name); !ok || got != f {
				t.Errorf("%s is found as %s", name, got)
			}
		}
		if int(info.Off)+int(info.Size) > BlockSize || int(info.Block) >= Blocks {
			t.Errorf("%s lies outside its block", f)
		}
		var k Key
		k.SetUint(f, ^uint64(0))
		if got := k.Uint(f); got != info.Max() {
			t.Errorf("%s set to all ones reads as %#x, want %#x", f, got, info.Max())
		}
		var m Mask
		m.SetExact(f)
		if !m.Exact(f) || !m.Any(f) {
			t.Errorf("%s: an exact mask is not exact", f)
		}
		m.Clear(f)
		if m != (Mask{}) {
			t.Errorf("%s: a cleared mask is not zero", f)
		}
	}
}

func FuzzMatchText(f *testing.F) {
	for _, tc := range matchTexts {
		f.Add(tc.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMatch(s, Names{})
		if err != nil {
			return
		}
		for i := range m.Key {
			if !EqualMasked(&m.Key[i], &m.Mask[i], &m.Key[i]) {
				t.Fatalf("match %q has a value outside its mask", s)
			}
		}
		again, err := ParseMatch(m.String(), Names{})
		if err != nil {
			t.Fatalf("match %q prints as %q, which does not parse: %v", s, m.String(), err)
		}
		if again != m {
			t.Fatalf("match %q prints as %q, which is another match", s, m.String())
		}
	})
}
