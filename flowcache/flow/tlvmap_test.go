package flow

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// optionMap returns a map of the options in text.
func optionMap(t testing.TB, text string) *TLVMap {
	t.Helper()
	list, err := ParseOptions(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := (*TLVMap)(nil).Add(list...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const someOptions = "{class=0x102,type=0x80,len=4}->tun_metadata0,{class=0xffff,type=0,len=124}->tun_metadata1 {class=0x102,type=0x81,len=12}->tun_metadata63"

func TestOptionsAreMappedAsOVSMapsThem(t *testing.T) {
	m := optionMap(t, someOptions)
	const want = ` max option space=256 max fields=64
 allocated option space=140

 mapping table:
  class  type  length  match field
 ------  ----  ------  --------------
  0x102  0x80       4  tun_metadata0
 0xffff   0x0     124  tun_metadata1
  0x102  0x81      12  tun_metadata63
`
	if got := m.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if o, ok := m.Find(0x102, 0x81); !ok || o.Field != FieldTunMetadata63 {
		t.Errorf("option 0x102, 0x81 is %v, %v", o, ok)
	}
	if _, ok := m.Find(0x103, 0x81); ok {
		t.Error("found an option that is not mapped")
	}
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"an option twice", "{class=0x102,type=0x80,len=4}->tun_metadata2", ErrOptionMapped},
		{"a field twice", "{class=0x103,type=0x80,len=4}->tun_metadata0", ErrFieldMapped},
		{"more than fits", "{class=0x103,type=0x80,len=120}->tun_metadata2", ErrOptionsFull},
		{"a length of 5", "{class=0x103,type=0x80,len=5}->tun_metadata2", ErrOptionSize},
		{"no length", "{class=0x103,type=0x80,len=0}->tun_metadata2", ErrOptionSize},
		{"a length of 128", "{class=0x103,type=0x80,len=128}->tun_metadata2", ErrOptionSize},
		{"a field beyond the last", "{class=0x103,type=0x80,len=4}->tun_metadata64", ErrOptionField},
		{"another field", "{class=0x103,type=0x80,len=4}->reg0", ErrOptionField},
	} {
		list, err := ParseOptions(c.text)
		if err == nil {
			_, err = m.Add(list...)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestWordsThatAreNoOptionAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "foo", "{class=1,type=2,len=4}", "{type=1,class=2,len=4}->tun_metadata0",
		"{class=0x10000,type=2,len=4}->tun_metadata0", "{class=1,type=256,len=4}->tun_metadata0",
		"class=1,type=2,len=4->tun_metadata0", "{class=1,type=2,len=4,x=1}->tun_metadata0",
	} {
		if _, err := ParseOptions(text); err == nil {
			t.Errorf("%q is taken as an option", text)
		}
	}
}

// What stays keeps its place, and what comes gets a place of its own, in pieces if it must be.
func TestOptionsOfOldAndNewMapsNeverShareBytes(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	m := (*TLVMap)(nil)
	for round := range 2000 {
		o := Option{Class: uint16(round), Size: uint8(1+g.IntN(31)) * 4, Field: FieldTunMetadata0 + FieldID(g.IntN(64))}
		next, err := m.Add(o)
		if err != nil {
			next = m.Remove(m.Options()[g.IntN(len(m.Options()))])
		}
		owner := make(map[[2]int]FieldID)
		for _, o := range next.Options() {
			p := next.Place(o.Field)
			if was := m.Place(o.Field); was != nil && *was != *p {
				t.Fatalf("%s moved", o.Field)
			}
			for i := range p.Size() / 4 {
				b, off := p.Block(i)
				if f, ok := owner[[2]int{b, off}]; ok {
					t.Fatalf("%s and %s share bytes", f, o.Field)
				}
				owner[[2]int{b, off}] = o.Field
			}
		}
		if next.Used() != 4*len(owner) {
			t.Fatalf("used is %d, want %d", next.Used(), 4*len(owner))
		}
		m = next
	}
}
