package encap

import (
	"bytes"
	"testing"
)

// FuzzPush puts any bytes into tunnels of all shapes: what comes of them is what their twin makes.
func FuzzPush(f *testing.F) {
	l := newLab(f)
	var outers []Outer
	for _, s := range shapes {
		outers = append(outers, over4(s.outer))
		s.outer.DontFragment = false
		outers = append(outers, over6(s.outer))
	}
	for i := range outers {
		f.Add(innerUDP(3, 20), uint8(i), i%3 == 0, i%4 == 0)
		f.Add(innerTCP(true, 9), uint8(i), false, false)
	}
	f.Fuzz(func(t *testing.T, inner []byte, which uint8, inheritTOS, inheritTTL bool) {
		if len(inner) < 14 || len(inner) > 4000 {
			return
		}
		l.t = t
		o := outers[int(which)%len(outers)]
		o.InheritTOS, o.InheritTTL = inheritTOS, inheritTTL
		words, err := AppendStack(nil, &o)
		if err != nil {
			t.Fatal(err)
		}
		c := l.pusher.Counters
		id, _ := c.nextID(words)
		want := slowPush(&o, words, inner, id, c.seq[o.Counter].Load())
		if got := l.push(&o, inner); !bytes.Equal(got, want) {
			t.Errorf("%+v: %x:\ngot  %x\nwant %x", o, inner, got, want)
		}
	})
}
