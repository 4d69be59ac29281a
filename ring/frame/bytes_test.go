package frame

import (
	"bytes"
	"testing"
)

// TestFromBytesRoundTrip copies packets in and out at the lengths where the number of buffers changes.
func TestFromBytesRoundTrip(t *testing.T) {
	p, err := NewPool(Options{Buffers: 2 * MaxChain, Huge: HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	room := p.Room()
	for _, tc := range []struct{ size, buffers int }{
		{0, 1}, {1, 1}, {room - 1, 1}, {room, 1}, {room + 1, 2}, {2 * room, 2}, {MaxChain * room, MaxChain},
	} {
		data := make([]byte, tc.size)
		for i := range data {
			data[i] = byte(i * 31)
		}
		f, ok := c.FromBytes(data)
		if !ok {
			t.Fatalf("%d bytes: refused", tc.size)
		}
		if got := 1 + f.More(); got != tc.buffers {
			t.Errorf("%d bytes: in %d buffers, want %d", tc.size, got, tc.buffers)
		}
		if got := p.Total(f); got != tc.size {
			t.Errorf("%d bytes: total is %d", tc.size, got)
		}
		if got := p.AppendTo(nil, f); !bytes.Equal(got, data) {
			t.Errorf("%d bytes: came back changed", tc.size)
		}
		c.Put(f)
	}
	if _, ok := c.FromBytes(make([]byte, MaxChain*room+1)); ok {
		t.Error("a packet of more than MaxChain buffers was taken")
	}
	var kept []Frame
	for f, ok := c.Get(); ok; f, ok = c.Get() {
		kept = append(kept, f)
	}
	c.Put(kept[0])
	if _, ok := c.FromBytes(make([]byte, room+1)); ok {
		t.Error("a packet of two buffers was taken with one free")
	}
	for _, f := range kept[1:] {
		c.Put(f)
	}
	c.Close()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
