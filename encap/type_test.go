package encap

import "testing"

func TestHeadersHaveWhatTheRowOfTheirTypeSays(t *testing.T) {
	l := newLab(t)
	for _, typ := range Types() {
		for _, c := range []struct {
			name string
			ask  func(o *Outer)
			has  bool
		}{
			{"a checksum", func(o *Outer) { o.Checksum = true }, typ.Checksums()},
			{"numbers", func(o *Outer) { o.Sequence = true }, typ.Numbers()},
		} {
			for _, o := range []Outer{over4(Outer{Type: typ}), over6(Outer{Type: typ})} {
				c.ask(&o)
				err := o.Check()
				if (err == nil) != c.has {
					t.Errorf("%s with %s: %v", typ, c.name, err)
				}
				if err != nil {
					continue
				}
				if got := l.pop(l.tunnels(&o), l.push(&o, innerUDP(0, 30))); got.port != 1 || got.why != Good {
					t.Errorf("%s with %s: port %d, %s", typ, c.name, got.port, got.why)
				}
			}
		}
	}
}
