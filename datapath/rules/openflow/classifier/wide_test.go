package classifier

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// parse returns a match in ovs-ofctl's syntax.
func parse(t testing.TB, s string) *flow.Match {
	t.Helper()
	m, err := flow.ParseMatch(s, flow.Names{})
	if err != nil {
		t.Fatal(err)
	}
	return &m
}

func TestALookupConsultsNoMoreThanItNeeds(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  []string // of falling priority
		packet string
		want   string // the mask
	}{
		{
			"a miss beside the packet leaves the packet alone",
			[]string{"reg3=1,tcp,nw_src=10.0.0.1,tp_dst=80"}, "reg3=2,tcp,nw_src=10.0.0.1,tp_dst=80",
			"reg3=0xffffffff",
		},
		{
			"a miss in layer 2 leaves layer 3 alone",
			[]string{"dl_dst=02:00:00:00:00:01,tcp,nw_src=10.0.0.1"}, "dl_dst=02:00:00:00:00:02,tcp,nw_src=10.0.0.1",
			"dl_dst=ff:ff:ff:ff:ff:ff,dl_type=0xffff",
		},
		{
			"the first bits of an address that no rule has are enough",
			[]string{"ip,nw_dst=10.1.2.3", "ip,nw_dst=10.1.2.0/24", "ip,nw_dst=192.168.0.0/16"}, "ip,nw_dst=11.0.0.0",
			"dl_type=0xffff,nw_dst=255.0.0.0",
		},
		{
			"a shorter prefix that matches shows that longer ones do not",
			[]string{"ip,nw_dst=10.1.2.3", "ip,nw_dst=10.1.0.0/16"}, "ip,nw_dst=10.1.128.1",
			"nw_dst=255.255.128.0,dl_type=0xffff",
		},
		{
			"the ports of rules with the same addresses part early",
			[]string{"tcp,tp_dst=80", "tcp,tp_dst=81"}, "tcp,tp_dst=0x8000",
			"dl_type=0xffff,nw_proto=0xff,tp_dst=0x8000",
		},
		{
			"a match consults all of its rule",
			[]string{"tcp,tp_dst=80"}, "tcp,tp_dst=80",
			"dl_type=0xffff,nw_proto=0xff,tp_dst=0xffff",
		},
		{
			"IPv6 addresses have prefixes as well",
			[]string{"ipv6,ipv6_dst=2001:db8::1", "ipv6,ipv6_dst=2001:db8::/32"}, "ipv6,ipv6_dst=3001::",
			"dl_type=0xffff,ipv6_dst=f000::",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := New[int](7)
			for i, r := range c.rules {
				table.Insert(&Rule[int]{Match: parse(t, r), Priority: uint16(100 - i)})
			}
			var mask flow.Mask
			table.Lookup(&parse(t, c.packet).Key, nil, &mask)
			if want := maskOf(t, c.want); mask != want {
				t.Errorf("consulted\n%x, want\n%x", mask, want)
			}
		})
	}
}

// maskOf reads a mask written as values of fields.
func maskOf(t *testing.T, s string) flow.Mask {
	t.Helper()
	var m flow.Match
	for rest := s; rest != ""; {
		var name, value string
		name, value, rest = flow.NextField(rest)
		if ok, err := m.ParseField(name, value, flow.Names{}); !ok || err != nil {
			t.Fatalf("%s=%s: %v", name, value, err)
		}
	}
	return flow.Mask(m.Key)
}
