package vhost

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/vhost/proto"
)

// words says what was negotiated, for people.
func words(f proto.Features, rings int) []pmd.Note {
	layout := "split"
	if f.Has(proto.RingPacked) {
		layout = "packed"
	}
	for _, o := range []struct {
		bit  proto.Features
		word string
	}{{proto.InOrder, "in order"}, {proto.IndirectDesc, "indirect"}, {proto.EventIdx, "event index"}, {proto.MrgRxbuf, "merged buffers"}, {proto.AccessPlatform, "behind an IOMMU"}} {
		if f.Has(o.bit) {
			layout += ", " + o.word
		}
	}
	offloads := strings.Join(offloadWords(f), ", ")
	if offloads == "" {
		offloads = "none"
	}
	return []pmd.Note{
		{Key: "rings", Value: fmt.Sprintf("%d, %s", rings, layout)},
		{Key: "offloads", Value: offloads},
	}
}

// offloadWords names the offloads in f, by the side that takes packets that are not finished.
func offloadWords(f proto.Features) (out []string) {
	for _, o := range []struct {
		bit  proto.Features
		word string
	}{
		{proto.Csum, "checksums from the guest"}, {proto.HostTSO4 | proto.HostTSO6, "segments from the guest"},
		{proto.HostUSO, "datagrams from the guest"},
		{proto.GuestCsum, "checksums to the guest"}, {proto.GuestTSO4 | proto.GuestTSO6, "segments to the guest"},
		{guestUSO, "datagrams to the guest"},
	} {
		if f&o.bit != 0 {
			out = append(out, o.word)
		}
	}
	return out
}
