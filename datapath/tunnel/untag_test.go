package tunnel

import (
	"bytes"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
)

func TestTagsThatRulesHavePushedArePutOnAgain(t *testing.T) {
	macs := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	outer, inner := []byte{0x88, 0xa8, 0x20, 5}, []byte{0x81, 0, 0, 7}
	rest := []byte{8, 0, 0x45, 0}
	var then action.Program
	then.Output(3)
	for _, c := range []struct {
		name   string
		packet []byte
		tags   int
		want   []byte
		push   [][2]uint16 // TPID and TCI
	}{
		{"none", slices.Concat(macs, inner, rest), 0, slices.Concat(macs, inner, rest), nil},
		{"one of two", slices.Concat(macs, outer, inner, rest), 1, slices.Concat(macs, inner, rest), [][2]uint16{{0x88a8, 0x2005}}},
		{"both", slices.Concat(macs, outer, inner, rest), 2, slices.Concat(macs, rest), [][2]uint16{{0x8100, 7}, {0x88a8, 0x2005}}},
		{"more than there are", slices.Concat(macs, inner, rest), 2, slices.Concat(macs, rest), [][2]uint16{{0x8100, 7}}},
		{"one that is cut short", slices.Concat(macs, inner[:3]), 1, slices.Concat(macs, inner[:3]), nil},
	} {
		before := bytes.Clone(c.packet)
		got, words := untag(c.packet, c.tags, then.Words())
		var want action.Program
		for _, tag := range c.push {
			want.PushVLAN(tag[0], tag[1])
		}
		want.Output(3)
		if !bytes.Equal(got, c.want) || !slices.Equal(words, want.Words()) || !bytes.Equal(c.packet, before) {
			t.Errorf("%s: packet % x and program %x, want % x and %x", c.name, got, words, c.want, want.Words())
		}
	}
}
