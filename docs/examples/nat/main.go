// Nat is a static NAT between two vhost-user ports of a switch:
//
//	nat -inside /run/nat-in.sock -outside /run/nat-out.sock 10.0.0.10=10.0.0.110 10.0.0.11=10.0.0.111
//
// A host inside is known outside by another address; its Ethernet address stays as it is. ARP, which speaks of both, is
// translated like the rest, so nobody has to be told where the outer addresses are. What is not from or for such a host
// is dropped, and so is all but IPv4 and ARP.
package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/vhost/frontend/vnf"
)

func main() {
	inside := flag.String("inside", "", "socket of the inner port")
	outside := flag.String("outside", "", "socket of the outer port")
	flag.Parse()
	n, err := parse(flag.Args())
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = vnf.Between(ctx, vnf.Options{Log: slog.Default()}, *inside, *outside, n.handle)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nat:", err)
		os.Exit(1)
	}
}

// A nat translates addresses one to one.
type nat struct {
	outer map[uint32]uint32 // by inner address
	inner map[uint32]uint32 // by outer address
}

// parse reads pairs such as 10.0.0.10=10.0.0.110.
func parse(pairs []string) (*nat, error) {
	n := &nat{outer: make(map[uint32]uint32), inner: make(map[uint32]uint32)}
	for _, pair := range pairs {
		from, to, _ := strings.Cut(pair, "=")
		inner, err := word(from)
		if err != nil {
			return nil, fmt.Errorf("%q: want INNER=OUTER: %w", pair, err)
		}
		outer, err := word(to)
		if err != nil {
			return nil, fmt.Errorf("%q: want INNER=OUTER: %w", pair, err)
		}
		if n.outer[inner] != 0 || n.inner[outer] != 0 {
			return nil, fmt.Errorf("%q: one of the two is translated already", pair)
		}
		n.outer[inner], n.inner[outer] = outer, inner
	}
	return n, nil
}

// word reads an IPv4 address.
func word(s string) (uint32, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return 0, err
	}
	if !a.Is4() {
		return 0, fmt.Errorf("%s is no IPv4 address", a)
	}
	return binary.BigEndian.Uint32(a.AsSlice()), nil
}

// Offsets from the start of a frame.
const (
	l3        = wire.EthernetSize
	arpSender = l3 + 14 // RFC 826, for IPv4 over Ethernet
	arpTarget = l3 + 24
	arpSize   = l3 + 28
	arpIPv4   = 0x0001_0800_0604 // Ethernet, IPv4, addresses of 6 and 4 bytes
)

// handle translates a packet: its source on the way out, its destination on the way in.
func (n *nat) handle(pkt []byte, from vnf.Side) vnf.Verdict {
	table, ip, arp := n.outer, wire.IPv4Src, arpSender
	if from == vnf.Right {
		table, ip, arp = n.inner, wire.IPv4Dst, arpTarget
	}
	if len(pkt) >= l3 {
		switch binary.BigEndian.Uint16(pkt[12:]) {
		case 0x0800:
			return translateIPv4(pkt, table, ip)
		case 0x0806:
			return translateARP(pkt, table, arp)
		}
	}
	return vnf.Drop
}

// translateARP translates the address at offset at. One that announces itself has it in both fields (RFC 5227).
func translateARP(pkt []byte, table map[uint32]uint32, at int) vnf.Verdict {
	if len(pkt) < arpSize || binary.BigEndian.Uint64(pkt[l3:])>>16 != arpIPv4 {
		return vnf.Drop
	}
	old := binary.BigEndian.Uint32(pkt[at:])
	to, ok := table[old]
	if !ok {
		return vnf.Drop
	}
	for _, field := range []int{arpSender, arpTarget} {
		if binary.BigEndian.Uint32(pkt[field:]) == old {
			binary.BigEndian.PutUint32(pkt[field:], to)
		}
	}
	return vnf.Pass
}

// translateIPv4 translates the address at offset at of the header.
func translateIPv4(pkt []byte, table map[uint32]uint32, at int) vnf.Verdict {
	if len(pkt) < l3+wire.IPv4Size || pkt[l3]>>4 != 4 {
		return vnf.Drop
	}
	to, ok := table[binary.BigEndian.Uint32(pkt[l3+at:])]
	l4 := l3 + int(pkt[l3]&0xf)*4
	if !ok || l4 < l3+wire.IPv4Size || l4 > len(pkt) {
		return vnf.Drop
	}
	switch {
	case binary.BigEndian.Uint16(pkt[l3+wire.IPv4Fragment:])&wire.IPv4FragOffset != 0:
		l4 = 0 // a later fragment: no checksum to update but the header's
	case pkt[l3+wire.IPv4Protocol] == 1:
		translateError(pkt, l4, table, at)
	}
	wire.SetIPv4Addr(pkt, l3, l4, at, to)
	return vnf.Pass
}

// translateError undoes in a packet that an ICMP error is about what was done to it on its way out: the address
// of the host is its other one (RFC 5508, section 4). The ICMP checksum stays right, since the checksum of the header
// inside makes up for the address. That of TCP or UDP inside stays as it was: nobody checks it.
func translateError(pkt []byte, l4 int, table map[uint32]uint32, at int) {
	inside := l4 + 8
	if len(pkt) < inside+wire.IPv4Size || pkt[inside]>>4 != 4 {
		return
	}
	switch pkt[l4] {
	case 3, 4, 5, 11, 12: // those that quote a packet (RFC 792)
		other := wire.IPv4Src + wire.IPv4Dst - at
		if to, ok := table[binary.BigEndian.Uint32(pkt[inside+other:])]; ok {
			wire.SetIPv4Addr(pkt, inside, 0, other, to)
		}
	}
}
