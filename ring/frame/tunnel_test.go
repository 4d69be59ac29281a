package frame

import (
	"bytes"
	"testing"
)

// tunnelled returns a packet with the marks of outer headers and n bytes of options.
func tunnelled(t testing.TB, p *Pool, c *Cache, n int, sizes ...int) Frame {
	t.Helper()
	f := chainOf(t, p, c, sizes...)
	room := p.Tunnel(f)
	for i := range room {
		room[i] = byte(i) ^ 0x5a
	}
	SetTunnelOptions(room, n)
	f.SetFlags(HasTunnel)
	return f
}

func TestWhatIsKeptOfOuterHeadersGoesWithCopies(t *testing.T) {
	p := newPool(t, Options{Buffers: 64})
	c := newCache(t, p)
	for _, n := range []int{0, 4, TunnelOptions} {
		for _, sizes := range [][]int{{60}, {100, 200, 300}} {
			f := tunnelled(t, p, c, n, sizes...)
			want := bytes.Clone(p.Tunnel(f)[:TunnelBlock+n])
			dup, ok := c.Copy(f)
			front, ok2 := c.CopyFront(f, 20)
			if !ok || !ok2 {
				t.Fatal("no copy")
			}
			c.Cut(&f, 30)
			for what, g := range map[string]Frame{"copy": dup, "front": front, "cut": f} {
				room := p.Tunnel(g)
				if g.Flags() != HasTunnel || !bytes.Equal(room[:len(want)], want) || len(TunnelOptionsOf(room)) != n {
					t.Errorf("%d bytes of options: the %s of a packet in %v has flags %b, headers % x", n, what, sizes, g.Flags(), room[:len(want)])
				}
				c.Put(g)
			}
		}
	}
}

func TestNothingIsPutOverWhatIsKeptOfOuterHeaders(t *testing.T) {
	p := newPool(t, Options{Buffers: 8})
	c := newCache(t, p)
	f := tunnelled(t, p, c, 0, 60)
	if !p.TunnelFits(f) || !p.Prepend(&f, Headroom-TunnelRoom) || p.Prepend(&f, 1) {
		t.Errorf("%d bytes are left in front, want %d", p.Headroom(f), TunnelRoom)
	}
	f.SetFlags(0)
	if !p.Prepend(&f, TunnelRoom) || p.TunnelFits(f) {
		t.Errorf("%d bytes are left in front, want none", p.Headroom(f))
	}
	c.Put(f)
}

func TestACountOfOptionsBeyondTheRoomIsCut(t *testing.T) {
	var room [TunnelRoom]byte
	SetTunnelOptions(&room, -1)
	if n := len(TunnelOptionsOf(&room)); n != TunnelOptions {
		t.Errorf("%d bytes of options, want %d", n, TunnelOptions)
	}
}
