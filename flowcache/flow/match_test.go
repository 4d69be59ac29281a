package flow

import (
	"math/rand/v2"
	"testing"
)

func mustParse(t *testing.T, s string) Match {
	t.Helper()
	m, err := ParseMatch(s, Names{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOverlapAndCoverOfMatches(t *testing.T) {
	for _, tc := range []struct {
		a, b             string
		overlaps, covers bool // a and b; a all of b
	}{
		{"", "", true, true},
		{"", "tcp,tp_dst=80", true, true},
		{"tcp", "tcp,tp_dst=80", true, true},
		{"tcp,tp_dst=80", "tcp", true, false},
		{"tcp", "udp", false, false},
		{"ip,nw_src=10.0.0.0/8", "ip,nw_src=10.1.0.0/16", true, true},
		{"ip,nw_src=10.1.0.0/16", "ip,nw_src=10.0.0.0/8", true, false},
		{"ip,nw_src=10.0.0.0/8", "ip,nw_src=11.0.0.0/8", false, false},
		{"ip,nw_src=10.0.0.0/8", "ip,nw_dst=11.0.0.0/8", true, false},
		{"vlan_tci=0x1000/0x1000", "dl_vlan=5", true, true},
		{"vlan_tci=0x1000/0x1000", "vlan_tci=0", false, false},
		{"reg15=1", "metadata=1", true, false},
	} {
		a, b := mustParse(t, tc.a), mustParse(t, tc.b)
		if got := a.Overlaps(&b); got != tc.overlaps {
			t.Errorf("%q overlaps %q: %v, want %v", tc.a, tc.b, got, tc.overlaps)
		}
		if got := b.Overlaps(&a); got != tc.overlaps {
			t.Errorf("%q overlaps %q: %v, want %v", tc.b, tc.a, got, tc.overlaps)
		}
		if got := a.Covers(&b); got != tc.covers {
			t.Errorf("%q covers %q: %v, want %v", tc.a, tc.b, got, tc.covers)
		}
	}
}

func TestMatchesAgreesWithComparisonBitByBit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for range 2000 {
		var m Match
		var k Key
		for i := range k {
			k[i], m.Mask[i] = randomBlock(rnd), randomBlock(rnd)
			m.Key[i] = k[i]
		}
		m.Apply()
		if rnd.IntN(2) == 0 {
			bit := rnd.IntN(KeySize * 8)
			k[bit/8/BlockSize][bit/8%BlockSize] ^= 1 << (bit % 8)
		}
		want := true
		for i := range k {
			want = want && naiveAnd(k[i], m.Mask[i]) == m.Key[i]
		}
		if got := m.Matches(&k); got != want {
			t.Fatalf("matches: %v, want %v", got, want)
		}
		if want {
			hits++
		}
	}
	if hits < 500 || hits > 1900 {
		t.Errorf("%d of 2000 keys match: the test tests nothing", hits)
	}
}

func TestSettingAFieldReplacesIt(t *testing.T) {
	m := mustParse(t, "ip,nw_src=10.1.2.3,nw_tos=252,nw_ecn=3")
	m.SetUintMasked(FieldIPSrc, 0xc0a80101, 0xffff0000)
	m.SetUint(FieldIPDSCP, 1)
	if got, want := m.String(), "ip,nw_src=192.168.0.0/16,nw_tos=4,nw_ecn=3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m.Clear(FieldIPSrc)
	m.Clear(FieldIPECN)
	if got, want := m.String(), "ip,nw_tos=4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMaskUnionCoversBothAndTellsItsBlocks(t *testing.T) {
	a, b := mustParse(t, "ipv6,ipv6_src=2001:db8::/32"), mustParse(t, "mpls,mpls_label=1,metadata=1/1")
	u := a.Mask
	u.Union(&b.Mask)
	if !u.Covers(&a.Mask) || !u.Covers(&b.Mask) || a.Mask.Covers(&u) {
		t.Error("the union does not cover its parts, or a part covers it")
	}
	if got, want := u.Blocks(), uint16(1<<Base|1<<Net6|1<<Label|1<<State); got != want {
		t.Errorf("blocks %06b, want %06b", got, want)
	}
}

func TestPrerequisitesOfAPacketAndWhatTheyRestOn(t *testing.T) {
	for _, tc := range []struct {
		packet string
		need   Need
		met    bool
		uses   string // the fields looked at, as a match
	}{
		{"tcp", NeedNone, true, ""},
		{"dl_vlan=5", NeedVLAN, true, "vlan_tci=0x1000/0x1000"},
		{"tcp", NeedVLAN, false, "vlan_tci=0x0000/0x1000"},
		{"tcp", NeedIPv4, true, "ip"},
		{"tcp", NeedIP, true, "ip"},
		{"tcp6", NeedIPv4, false, "ipv6"},
		{"arp", NeedARP, true, "arp"},
		{"rarp", NeedARP, true, "rarp"},
		{"mplsm", NeedMPLS, true, "mplsm"},
		{"tcp", NeedTCP, true, "tcp,nw_frag=not_later"},
		{"tcp,nw_frag=later", NeedTCP, false, "tcp,nw_frag=later"},
		{"udp", NeedTCP, false, "udp"},
		{"sctp6", NeedSCTP, true, "sctp6,nw_frag=not_later"},
		{"icmp", NeedICMP, true, "icmp"},
		{"icmp6", NeedICMP, false, "ipv6"},
		{"icmp6,icmp_type=135", NeedND, true, "icmp6,icmp_type=135,icmp_code=0"},
		{"icmp6,icmp_type=135", NeedNDAdvert, false, "icmp6,icmp_type=135,icmp_code=0"},
		{"icmp6,icmp_type=136", NeedNDAdvert, true, "icmp6,icmp_type=136,icmp_code=0"},
		{"icmp6,icmp_type=136,icmp_code=1", NeedND, false, "icmp6,icmp_type=136,icmp_code=1"},
	} {
		packet := mustParse(t, tc.packet)
		var uses Mask
		if got := tc.need.Met(&packet.Key, &uses); got != tc.met {
			t.Errorf("%s: %s is met: %v, want %v", tc.packet, tc.need, got, tc.met)
		}
		looked := Match{Key: packet.Key, Mask: uses}
		looked.Apply()
		if got := looked.String(); got != tc.uses {
			t.Errorf("%s: %s looks at %q, want %q", tc.packet, tc.need, got, tc.uses)
		}
		if tc.need.Met(&packet.Key, nil) != tc.met {
			t.Errorf("%s: %s depends on whether uses is asked for", tc.packet, tc.need)
		}
	}
}

func TestSubfieldsAreReadAndPrinted(t *testing.T) {
	for _, tc := range []struct {
		in, out string
		want    Subfield
	}{
		{"NXM_NX_REG0[]", "reg0[]", Subfield{FieldReg0, 0, 32}},
		{"reg0", "reg0[]", Subfield{FieldReg0, 0, 32}},
		{"NXM_NX_REG1[0..15]", "reg1[0..15]", Subfield{FieldReg0 + 1, 0, 16}},
		{"NXM_OF_VLAN_TCI[12]", "vlan_tci[12]", Subfield{FieldVLANTCI, 12, 1}},
		{"NXM_OF_ARP_OP[]", "arp_op[]", Subfield{FieldARPOp, 0, 16}},
		{"OXM_OF_VLAN_VID[]", "vlan_vid[]", Subfield{FieldVLANVID, 0, 12}},
		{"NXM_NX_XXREG3[64..127]", "xxreg3[64..127]", Subfield{FieldXXReg0 + 3, 64, 64}},
	} {
		got, err := ParseSubfield(tc.in)
		if err != nil || got != tc.want || got.String() != tc.out {
			t.Errorf("%s: got %+v, %s (%v), want %+v, %s", tc.in, got, got, err, tc.want, tc.out)
		}
	}
}
