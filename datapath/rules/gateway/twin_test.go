package gateway

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A twin is a router in the plainest way: it goes through all prefixes and rules with package netip and keeps
// no books about bits. It knows of forwarding; what the gateway answers itself is tested by cases.
type twin struct {
	Config
	hosts    map[neighbour.Host][6]byte
	stations map[fdb.Key]uint32
	turn     int // which of a route's routers
}

// A fate is what becomes of a packet: why it is dropped, or what goes out of which ports.
type fate struct {
	drop string
	out  []string
}

// fate returns what becomes of an IP packet to the gateway's Ethernet address that came in by interface in.
func (w *twin) fate(in int, src, dst netip.Addr, proto uint8, ports [2]uint16, ttl uint8) fate {
	permit := !w.Deny
	for _, r := range w.ACL {
		if (r.Interface == "" || r.Interface == w.Interfaces[in].Name) && inPrefix(r.From, src) && inPrefix(r.To, dst) && sameFamily(r, src) &&
			(!r.Protocol.Given || r.Protocol.Number == proto) && inPorts(r.FromPorts, ports[0]) && inPorts(r.ToPorts, ports[1]) {
			permit = r.Permit
			break
		}
	}
	if !permit {
		return fate{drop: "acl"}
	}
	seg, via, why := w.route(dst)
	if why == "own" {
		return fate{drop: why}
	}
	if why == "" || why == "no_route" {
		for _, p := range []string{"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8"} {
			if p := pre(p); p.Contains(src) {
				return fate{drop: "not_routed"}
			}
		}
	}
	switch {
	case why != "":
		return fate{drop: why}
	case ttl <= 1:
		return fate{drop: "ttl_expired"}
	}
	mac, known := w.hosts[neighbour.Host{Link: uint16(seg), Addr: via}]
	if !known {
		return fate{drop: "neighbour_unresolved"}
	}
	var f fate
	port, found := w.stations[fdb.MakeKey(uint16(seg), mac)]
	for _, m := range w.Interfaces[seg].Members {
		if id := uint32(m.Port[1] - '0'); len(w.Interfaces[seg].Members) == 1 || !found || id == port {
			f.out = append(f.out, fmt.Sprintf("%d.%d %x>%x %d", id, m.VLAN, w.Interfaces[seg].MAC, mac, ttl-1))
		}
	}
	slices.Sort(f.out)
	return f
}

// way returns the router that the twin goes by: of several the one that it was told.
func (w *twin) way(r Route) netip.Addr { return r.Via[w.turn%len(r.Via)] }

// route returns the interface and next host for a destination, or why there is none.
func (w *twin) route(dst netip.Addr) (seg int, via netip.Addr, why string) {
	best := -1
	take := func(p netip.Prefix, s int, v netip.Addr, y string) {
		if p.Contains(dst) && p.Bits() > best {
			best, seg, via, why = p.Bits(), s, v, y
		}
	}
	why = "no_route"
	for _, f := range w.Interfaces {
		for _, p := range f.Addresses {
			take(netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), 0, dst, "own")
		}
	}
	for i, f := range w.Interfaces {
		for _, p := range f.Addresses {
			if p.Addr().Is4() {
				take(netip.PrefixFrom(p.Masked().Addr(), 32), 0, dst, "not_routed")
				take(netip.PrefixFrom(lastOf(p), 32), 0, dst, "not_routed")
			}
			take(p, i, dst, "")
		}
	}
	for _, r := range w.Routes {
		if r.Drop {
			take(r.To, 0, dst, "no_route")
		} else {
			take(r.To, w.reaches(w.way(r)), w.way(r), "")
		}
	}
	for _, p := range special() {
		take(p, 0, dst, "not_routed")
	}
	return seg, via, why
}

func inPrefix(p netip.Prefix, a netip.Addr) bool { return !p.IsValid() || p.Contains(a) }

func sameFamily(r Rule, a netip.Addr) bool {
	return (!r.From.IsValid() || r.From.Addr().Is4() == a.Is4()) && (!r.To.IsValid() || r.To.Addr().Is4() == a.Is4())
}

func inPorts(p Ports, n uint16) bool { return p.any() || p.First <= n && n <= p.Last }

// fateOf returns what a verdict makes of a packet that came with a tag or without.
func fateOf(v *rules.Verdict, k *flow.Key) (f fate) {
	vlan, ttl := uint16(k.Uint(flow.FieldVLANTCI))&tciVID, k.Uint(flow.FieldIPTTL)
	src, dst := k.Uint(flow.FieldEthSrc), k.Uint(flow.FieldEthDst)
	for in, rest, ok := action.Next(v.Actions.Words()); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpDrop:
			f.drop = action.Reason(in.Arg).String()
		case action.OpOutput:
			f.out = append(f.out, fmt.Sprintf("%d.%d %012x>%012x %d", in.Arg, vlan, src, dst, ttl))
		case action.OpPopVLAN:
			vlan = 0
		case action.OpPushVLAN:
			vlan = uint16(in.Arg) & tciVID
		case action.OpSet:
			switch in.Field {
			case flow.FieldVLANVID:
				vlan = uint16(in.Value[0])
			case flow.FieldIPTTL:
				ttl = in.Value[0]
			case flow.FieldEthSrc:
				src = in.Value[0]
			case flow.FieldEthDst:
				dst = in.Value[0]
			}
		}
	}
	slices.Sort(f.out)
	return f
}

// recirculates reports whether the packet comes back.
func recirculates(v *rules.Verdict) bool {
	for in, rest, ok := action.Next(v.Actions.Words()); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpRecirc {
			return true
		}
	}
	return false
}

// again returns v for another look-up.
func again(v *rules.Verdict) *rules.Verdict {
	*v = rules.Verdict{}
	return v
}

// A dice makes random gateways and packets whose addresses often meet.
type dice struct{ *rand.Rand }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

func (d dice) addr(v6 bool) netip.Addr {
	if v6 {
		return ip(fmt.Sprintf(pick(d, "fd00:%d::%d", "fd00:%d::ff:%d", "2001:db8:%d::%d", "fe80::%d:%d"), 1+d.IntN(4), 1+d.IntN(4)))
	}
	return ip(fmt.Sprintf(pick(d, "10.0.%d.%d", "10.9.%d.%d", "192.0.%d.%d", "127.%d.0.%d", "224.0.%d.%d"), 1+d.IntN(4), pick(d, 0, 1, 2, 3, 4, 254, 255)))
}

func (d dice) prefix(v6 bool) netip.Prefix {
	a := d.addr(v6)
	return netip.PrefixFrom(a, d.IntN(a.BitLen()+1)).Masked()
}

// gateway returns a random configuration and what its hosts are.
func (d dice) gateway() *twin {
	w := &twin{Config: twoNets(), hosts: map[neighbour.Host][6]byte{}, stations: map[fdb.Key]uint32{}}
	w.Routes, w.Neighbours, w.Deny = nil, nil, d.IntN(4) == 0
	for range d.IntN(6) {
		v6 := d.IntN(2) == 0
		r := Route{To: d.prefix(v6), Drop: d.IntN(4) == 0}
		if !r.Drop {
			r.Via = pick(d, []netip.Addr{ip("10.0.1.3")}, []netip.Addr{ip("10.0.2.254")}, []netip.Addr{ip("10.0.1.3"), ip("10.0.2.254"), ip("10.0.2.2")})
			if v6 {
				r.Via = pick(d, []netip.Addr{ip("fd00:1::3")}, []netip.Addr{ip("fd00:2::4")}, []netip.Addr{ip("fd00:1::3"), ip("fd00:2::4")})
			}
		}
		if !slices.ContainsFunc(w.Routes, func(o Route) bool { return o.To == r.To }) {
			w.Routes = append(w.Routes, r)
		}
	}
	for range d.IntN(5) {
		r := Rule{Permit: d.IntN(2) == 0, Interface: pick(d, "", "", "lan", "wan")}
		v6 := d.IntN(2) == 0
		if d.IntN(2) == 0 {
			r.From = d.prefix(v6)
		}
		if d.IntN(2) == 0 {
			r.To = d.prefix(v6)
		}
		if d.IntN(2) == 0 {
			r.Protocol = Protocol{pick[uint8](d, 6, 17), true}
			if d.IntN(2) == 0 {
				r.ToPorts = pick(d, Ports{53, 53}, Ports{1, 100})
			}
			if d.IntN(3) == 0 {
				r.FromPorts = Ports{1000, 2000}
			}
		}
		w.ACL = append(w.ACL, r)
	}
	for range d.IntN(12) {
		a := d.addr(d.IntN(2) == 0)
		if seg := w.reaches(a); seg >= 0 {
			m := mac(byte(1 + d.IntN(5)))
			w.hosts[neighbour.Host{Link: uint16(seg), Addr: a}] = m
			w.Neighbours = slices.DeleteFunc(w.Neighbours, func(n Neighbour) bool { return n.Address == a })
			w.Neighbours = append(w.Neighbours, Neighbour{a, m})
		}
	}
	for i := range 5 {
		if d.IntN(2) == 0 {
			w.stations[fdb.MakeKey(0, mac(byte(1+i)))] = uint32(1 + d.IntN(2))
		}
	}
	return w
}

// packet returns a random IP packet to one of the gateway's Ethernet addresses.
func (d dice) packet() (in int, port uint32, pkt []byte) {
	v6 := d.IntN(2) == 0
	in, port = 0, uint32(1+d.IntN(2))
	if d.IntN(2) == 0 {
		in, port = 1, 3
	}
	b := udp(mac(byte(0xa1+in)), mac(byte(1+d.IntN(5))), d.addr(v6).String(), d.addr(v6).String(), pick[byte](d, 64, 64, 1, 2, 0), pick[uint16](d, 53, 99, 100, 443))
	l4 := b[len(b)-wire.UDPSize-4:]
	binary.BigEndian.PutUint16(l4, pick[uint16](d, 1000, 999, 2001))
	if in == 1 {
		b = tagged(20, b)
	}
	return in, port, b
}

// twist returns a key that agrees with k under mask and differs elsewhere, by bits of another packet and noise.
func (d dice) twist(b *bench, k *flow.Key, mask *flow.Mask) flow.Key {
	_, _, pkt := d.packet()
	o := *b.key(uint32(k.Uint(flow.FieldInPort)), pkt)
	for i := range flow.FastBlocks {
		for j := range o[i] {
			if d.IntN(6) == 0 {
				o[i][j] = byte(d.Uint32())
			}
			o[i][j] = o[i][j]&^mask[i][j] | k[i][j]&mask[i][j]
		}
	}
	o.SetUint(flow.FieldInPort, k.Uint(flow.FieldInPort))
	o.SetUint(flow.FieldRecircID, k.Uint(flow.FieldRecircID))
	o[flow.Base][flow.OffBlocks] = k[flow.Base][flow.OffBlocks]
	return o
}

// TestTheGatewayAgreesWithANaiveTwin: for random configurations and packets it does what the twin does, and the
// same for every packet that the verdict's mask makes equal.
func TestTheGatewayAgreesWithANaiveTwin(t *testing.T) {
	gateways, fates := 300, map[string]int{}
	if testing.Short() {
		gateways = 30
	}
	for seed := range gateways {
		d := dice{rand.New(rand.NewPCG(uint64(seed), 1))}
		w := d.gateway()
		b := newBench(t, w.Config)
		for k, port := range w.stations {
			b.stations.Learn(k, port, b.now)
		}
		for range 60 {
			in, port, pkt := d.packet()
			k := b.key(port, pkt)
			v := new(rules.Verdict)
			if err := b.Lookup(&rules.Query{Key: k, Now: b.now}, v); err != nil {
				t.Fatal(err)
			}
			ways := 1
			if recirculates(v) {
				k.SetUint(flow.FieldRecircID, hashedID)
				k.SetUint(flow.FieldDPHash, uint64(d.Uint32()))
				ways = 6 // as many as go round each list of routers
				if err := b.Lookup(&rules.Query{Key: k, Now: b.now}, again(v)); err != nil {
					t.Fatal(err)
				}
			}
			f := fieldsOf(k.Uint(flow.FieldEthType) == wire.TypeIPv6)
			src, _ := netip.AddrFromSlice(k.Bytes(f.src))
			dst, _ := netip.AddrFromSlice(k.Bytes(f.dst))
			var want fate
			right := false
			for w.turn = 0; w.turn < ways && !right; w.turn++ {
				want = w.fate(in, src, dst, uint8(k.Uint(flow.FieldIPProto)),
					[2]uint16{uint16(k.Uint(flow.FieldUDPSrc)), uint16(k.Uint(flow.FieldUDPDst))}, uint8(k.Uint(flow.FieldIPTTL)))
				right = want.drop == "own" || reflect.DeepEqual(fateOf(v, k), want)
			}
			w.turn = 0
			fates[want.drop]++
			if ways > 1 {
				fates["by hash"]++
			}
			if !right {
				t.Fatalf("seed %d: port %d, %s\ngot  %s\nwant %v\nconfiguration %+v", seed, port, describe(pkt), text(v), want, w.Config)
			}
			for range 8 {
				other := d.twist(b, k, &v.Mask)
				v2 := new(rules.Verdict)
				if err := b.Lookup(&rules.Query{Key: &other, Now: b.now}, v2); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(v, v2) {
					m := flow.Match{Key: *k, Mask: v.Mask}
					t.Fatalf("seed %d: a packet equal under the mask has another verdict\nmegaflow %s\ngot  %s\nwant %s", seed, m.String(), text(v2), text(v))
				}
			}
		}
	}
	for _, why := range []string{"", "acl", "no_route", "not_routed", "ttl_expired", "neighbour_unresolved", "own", "by hash"} {
		if fates[why] < gateways/10 {
			t.Errorf("%q was the fate of %d packets only: the test tests too little", why, fates[why])
		}
	}
}

// FuzzLookup: nothing a packet can hold makes a look-up fail, and what its mask makes equal gets the same, at first and
// when it comes back.
func FuzzLookup(f *testing.F) {
	f.Add(uint64(1), uint8(1), udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9))
	f.Add(uint64(2), uint8(3), tagged(20, udp(mac(0xa2), mac(1), "fd00:2::2", "fd00:1::2", 1, 9)))
	f.Add(uint64(3), uint8(1), arp(all, 1, mac(1), "10.0.1.2", "10.0.1.1"))
	f.Add(uint64(4), uint8(1), echo(mac(0xa1), mac(1), "fd00:1::2", "fd00:1::1"))
	c := twoNets()
	c.Routes = append(c.Routes, Route{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.2.254"), ip("10.0.1.3")}})
	b := narrow(f, c, 1500, 1500, 1400)
	f.Fuzz(func(t *testing.T, seed uint64, port uint8, pkt []byte) {
		if len(pkt) < wire.EthernetSize || len(pkt) > 1500 {
			return
		}
		b.TB, b.sent = t, nil
		d := dice{rand.New(rand.NewPCG(seed, 2))}
		b.see(uint32(port), pkt)
		k := b.key(uint32(port), pkt)
		if id := pick(d, 0, hashedID, sizedID); id != 0 {
			k.SetUint(flow.FieldRecircID, uint64(id))
			k.SetUint(flow.FieldDPHash, seed)
		}
		v, v2 := new(rules.Verdict), new(rules.Verdict)
		if err := b.Lookup(&rules.Query{Key: k, Now: b.now}, v); err != nil {
			t.Fatal(err)
		}
		other := d.twist(b, k, &v.Mask)
		if err := b.Lookup(&rules.Query{Key: &other, Now: b.now}, v2); err != nil {
			t.Fatal(err)
		}
		if !v.NoCache && !reflect.DeepEqual(v, v2) {
			t.Errorf("a packet equal under the mask has another verdict\ngot  %s\nwant %s", text(v2), text(v))
		}
	})
}
