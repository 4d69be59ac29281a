package nethdr

import (
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, o := range []frame.Offload{
		{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16},
		{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16, GSO: frame.GSOTCPv4, GSOSize: 1448, HeaderLen: 66},
		{Csum: frame.NeedsCsum, CsumStart: 54, CsumOffset: 16, GSO: frame.GSOTCPv6 | frame.GSOECN, GSOSize: 1428, HeaderLen: 86},
	} {
		var h [Size]byte
		for i := range h {
			h[i] = 0xa5
		}
		Put(&h, &o, 3)
		got, need, ok := Parse(&h, 9000)
		if got != o || !need || !ok || Buffers(&h) != 3 {
			t.Errorf("%+v is read as %+v, %v, %v, in %d buffers", o, got, need, ok, Buffers(&h))
		}
	}
}

func TestACompletePacketNeedsNothing(t *testing.T) {
	h := [Size]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	Put(&h, nil, 1)
	if h != [Size]byte{10: 1} {
		t.Errorf("written as % x", h)
	}
	if _, need, ok := Parse(&h, 60); need || !ok {
		t.Errorf("need %v, ok %v", need, ok)
	}
	h[0] = 2 // VIRTIO_NET_HDR_F_DATA_VALID: somebody has checked it
	if _, need, ok := Parse(&h, 60); need || !ok {
		t.Errorf("checked already: need %v, ok %v", need, ok)
	}
}

func TestHeadersThatCannotBeTrueAreRefused(t *testing.T) {
	for name, h := range map[string][Size]byte{
		"a checksum behind the packet":     {0: 1, 6: 59, 8: 0},
		"a checksum that wraps around":     {0: 1, 6: 0xff, 7: 0xff, 8: 0xff, 9: 0xff},
		"a checksum half in the packet":    {0: 1, 6: 50, 8: 9},
		"segments of no size":              {0: 1, 1: 1, 6: 34, 8: 16},
		"segments of an unknown kind":      {0: 1, 1: 2, 4: 100, 6: 34, 8: 16},
		"ECN alone":                        {0: 1, 1: 0x80, 4: 100, 6: 34, 8: 16},
		"ECN with UDP":                     {0: 1, 1: 0x83, 4: 100, 6: 34, 8: 16},
		"segments without partial sum":     {0: 0, 1: 1, 4: 100},
		"segments, said to be checked":     {0: 2, 1: 4, 4: 100},
		"every bit":                        {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
		"unknown flags and a partial sum ": {0: 0xf9, 6: 200},
	} {
		if o, _, ok := Parse(&h, 60); ok {
			t.Errorf("%s: read as %+v", name, o)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	h, o := [Size]byte{0: 1, 6: 34, 8: 16}, frame.Offload{}
	if n := testing.AllocsPerRun(100, func() {
		o, _, _ = Parse(&h, 60)
		Put(&h, &o, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse has any header of a packet of any size: what is accepted lies within the packet and is written as it was
// read.
func FuzzParse(f *testing.F) {
	f.Add([]byte{1, 1, 66, 0, 100, 0, 34, 0, 16, 0, 1, 0}, 1500)
	f.Fuzz(func(t *testing.T, b []byte, total int) {
		if len(b) < Size || total < 0 || total > 1<<17 {
			return
		}
		h := [Size]byte(b[:Size])
		o, need, ok := Parse(&h, total)
		if !ok || !need {
			return
		}
		if int(o.CsumStart)+int(o.CsumOffset)+2 > total || int(o.HeaderLen) > total || o.GSO != 0 && o.GSOSize == 0 {
			t.Errorf("a packet of %d bytes with %+v", total, o)
		}
		var out [Size]byte
		Put(&out, &o, 1)
		if again, _, ok := Parse(&out, total); !ok || again != o {
			t.Errorf("%+v is written and read as %+v", o, again)
		}
	})
}
