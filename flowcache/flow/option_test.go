package flow

import (
	"strings"
	"testing"
)

// Texts of matches on options, and how they print; "" is the text itself.
var optionTexts = []struct{ in, out string }{
	{"tun_metadata0", ""},
	{"tun_metadata0=*", "tun_metadata0"},
	{"tun_metadata0=0/0", "tun_metadata0"},
	{"tun_metadata0=0", ""},
	{"tun_metadata0=1", "tun_metadata0=0x1"},
	{"tun_metadata0=010", "tun_metadata0=0x8"},
	{"NXM_NX_TUN_METADATA0[]=5", "tun_metadata0=0x5"},
	{"tun_metadata0=0x12345678/0xff00ff00", "tun_metadata0=0x12005600/0xff00ff00"},
	{"tun_metadata0=7/0xffffffff", "tun_metadata0=0x7"},
	{"tun_metadata0[8..15]=0x5", "tun_metadata0=0x500/0xff00"},
	{"tun_metadata0[0]=1,tun_metadata0[31]=0", "tun_metadata0=0x1/0x80000001"},
	{"tun_metadata1[900..903]=5/1", "tun_metadata1=0x1" + strings.Repeat("0", 225) + "/0x1" + strings.Repeat("0", 225)},
	{"tun_metadata1=0x" + strings.Repeat("ab", 124), ""},
	{"tun_id=0x3,tun_metadata63=0x112233445566778899aabbcc,in_port=1", ""},
}

func TestMatchesOnOptionsAreReadAndPrinted(t *testing.T) {
	names := Names{Options: optionMap(t, someOptions)}
	for _, c := range optionTexts {
		want := c.out
		if want == "" {
			want = c.in
		}
		m, err := ParseMatch(c.in, names)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		got := string(m.Append(nil, names))
		if got != want {
			t.Errorf("%s prints as %s, want %s", c.in, got, want)
		}
		if again, err := ParseMatch(got, names); err != nil || again != m {
			t.Errorf("%s does not come back: %v", got, err)
		}
		if err := m.CheckOptions(names.Options); err != nil {
			t.Errorf("%s: %v", c.in, err)
		}
	}
	for _, c := range []struct{ in, want string }{
		{"tun_metadata5=1", "NXFMFC_INVALID_TLV_FIELD"},
		{"tun_metadata0=0x100000000", "want a number of 4 bytes"},
		{"tun_metadata0=1/0x100000000", "want a number of 4 bytes"},
		{"tun_metadata0[0..32]=1", "want bits within 0 to 31"},
		{"tun_metadata1[0..64]=1", "up to 64 bits"},
		{"tun_metadata0=x", "want a number"},
		{"tun_metadata1=0x" + strings.Repeat("ab", 125), "want a number"},
		{"tun_metadata0[0..7]=256", "want a number up to 0xff"},
	} {
		if _, err := ParseMatch(c.in, names); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s: got %v, want %q", c.in, err, c.want)
		}
	}
}

func TestAMatchOnAnOptionWantsThePacketToHaveIt(t *testing.T) {
	names := Names{Options: optionMap(t, someOptions)}
	m, err := ParseMatch("tun_metadata0=0", names)
	if err != nil {
		t.Fatal(err)
	}
	var k Key
	if m.Matches(&k) {
		t.Error("a packet without the option matches")
	}
	k.SetUint(FieldTunMetadata0, 1)
	if !m.Matches(&k) {
		t.Error("a packet with the option does not match")
	}
	if err := m.CheckOptions(nil); err == nil {
		t.Error("the match is good without the map it was made with")
	}
	other := names.Options.Remove(names.Options.Options()[0])
	if err := m.CheckOptions(other); err == nil {
		t.Error("the match is good when its field is not mapped any more")
	}
}

func FuzzOptions(f *testing.F) {
	f.Add(someOptions, "tun_metadata0=1")
	for _, c := range optionTexts {
		f.Add("{class=0x102,type=0x80,len=8}->tun_metadata0", c.in)
	}
	f.Fuzz(func(t *testing.T, options, match string) {
		list, err := ParseOptions(options)
		if err != nil {
			return
		}
		for _, o := range list {
			if again, err := ParseOptions(o.String()); err != nil || len(again) != 1 || again[0] != o {
				t.Fatalf("%s comes back as %v, %v", o, again, err)
			}
		}
		m, err := (*TLVMap)(nil).Add(list...)
		if err != nil {
			return
		}
		names := Names{Options: m}
		parsed, err := ParseMatch(match, names)
		if err != nil {
			return
		}
		text := string(parsed.Append(nil, names))
		if again, err := ParseMatch(text, names); err != nil || again != parsed {
			t.Fatalf("match %q prints as %q, which comes back as %s, %v", match, text, again.Append(nil, names), err)
		}
	})
}
