package encap

import "testing"

func TestTablesOfTheSameTunnelsAreEqual(t *testing.T) {
	addresses := []Address{{addr4b, 0, macB}, {addr6b, 0, macB}}
	list := []Tunnel{{Port: 1, Type: VXLAN, Key: 5, Remote: addr4a}, {Port: 2, Type: GRE, AnyKey: true}}
	table := func() *Tunnels {
		t.Helper()
		tunnels, err := NewTunnels(addresses, list)
		if err != nil {
			t.Fatal(err)
		}
		return tunnels
	}
	first := table()
	if !first.Equal(table()) || !(*Tunnels)(nil).Equal(nil) || first.Equal(nil) || (*Tunnels)(nil).Equal(first) {
		t.Error("the same tunnels are others, or none are some")
	}
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"the type of one", func() { list[0].Type = Geneve }},
		{"a port", func() { list[1].Port = 3 }},
		{"an address", func() { addresses[1].Addr = addr6a }},
		{"a MAC", func() { addresses[0].MAC[5]++ }},
		{"a tunnel less", func() { list = list[:1] }},
	} {
		before := table()
		if c.change(); before.Equal(table()) {
			t.Errorf("%s is another, and the tables are equal", c.name)
		}
	}
}

// TestTunnelsThatPacketsAreSentToAlikeTakeOnePlace: a table that is made anew with the underlay is no larger than it must be.
func TestTunnelsThatPacketsAreSentToAlikeTakeOnePlace(t *testing.T) {
	list := make([]Tunnel, 1000)
	for i := range list {
		list[i] = Tunnel{Port: uint32(i + 1), Type: VXLAN, Key: uint32(i)}
	}
	tunnels, err := NewTunnels([]Address{{addr4b, 0, macB}}, list)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tunnels.mine.slots); n > 8 || tunnels.Len() != len(list) {
		t.Errorf("%d tunnels, and %d slots for where they end", tunnels.Len(), n)
	}
}
