// Lb is a load balancer for TCP and UDP over IPv4, between two vhost-user ports of a switch:
//
//	lb -clients /run/lb-in.sock -servers /run/lb-out.sock -vip 10.0.0.80,02:00:00:00:00:80 \
//	   10.0.0.11,02:00:00:00:00:11 10.0.0.12,02:00:00:00:00:12
//
// Connections to the service's address are divided between the servers, whose answers come from that address. Servers
// are reached by it alone; fragments, ICMP and all the rest are dropped.
//
// It remembers nothing: which server has a connection follows from the client's address and port. Another balancer with
// the same servers can take over, and a server that comes or goes moves no connections but its own.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/vhost/frontend/vnf"
)

func main() {
	clients := flag.String("clients", "", "socket of the port towards the clients")
	servers := flag.String("servers", "", "socket of the port towards the servers")
	vip := flag.String("vip", "", "the service's addresses: IPv4,MAC")
	flag.Parse()
	b, err := newBalancer(*vip, flag.Args())
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = vnf.Between(ctx, vnf.Options{Log: slog.Default()}, *clients, *servers, b.handle)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lb:", err)
		os.Exit(1)
	}
}

// A host is a server, or the service as its clients see it.
type host struct {
	addr uint32
	mac  [6]byte
}

// parse reads addresses such as 10.0.0.11,02:00:00:00:00:11.
func parse(text string) (h host, err error) {
	a, m, _ := strings.Cut(text, ",")
	addr, err := netip.ParseAddr(a)
	if err != nil {
		return h, fmt.Errorf("%q: want IPv4,MAC: %w", text, err)
	}
	mac, err := net.ParseMAC(m)
	if err != nil {
		return h, fmt.Errorf("%q: want IPv4,MAC: %w", text, err)
	}
	if !addr.Is4() || len(mac) != 6 {
		return h, fmt.Errorf("%q: want IPv4,MAC", text)
	}
	return host{binary.BigEndian.Uint32(addr.AsSlice()), [6]byte(mac)}, nil
}

// places is what the servers share, a power of two: each of 64 servers, the most there may be, gets 1024 or so.
const places = 1 << 16

// A balancer gives connections to servers.
type balancer struct {
	service host
	servers []host
	table   [places]uint8 // the server of each place
}

func newBalancer(vip string, servers []string) (b *balancer, err error) {
	b = new(balancer)
	if b.service, err = parse(vip); err != nil {
		return nil, err
	}
	for _, s := range servers {
		h, err := parse(s)
		if err != nil {
			return nil, err
		}
		b.servers = append(b.servers, h)
	}
	if n := len(b.servers); n < 1 || n > 64 {
		return nil, errors.New("want 1 to 64 servers")
	}
	for place := range b.table { // rendezvous hashing: the server that scores best at a place has it
		best := uint64(0)
		for i, s := range b.servers {
			if score := mix(uint64(place)<<32 | uint64(s.addr)); score > best {
				best, b.table[place] = score, uint8(i)
			}
		}
	}
	return b, nil
}

// mix spreads v over all 64 bits (the finisher of SplitMix64).
func mix(v uint64) uint64 {
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// pick returns the server of a client's connection.
func (b *balancer) pick(client uint32, port uint16, proto uint8) host {
	return b.servers[b.table[mix(uint64(client)<<32|uint64(port)<<16|uint64(proto))%places]]
}

// Offsets from the start of a frame, and the start of a request (RFC 826, for IPv4 over Ethernet).
const (
	l3         = wire.EthernetSize
	arpSize    = l3 + 28
	arpRequest = 0x0001_0800_0604_0001
)

// handle sends what is for the service to a server, and gives a server's answers the service's addresses. ARP passes, so
// that clients and servers find each other, but who asks for the service is answered here.
func (b *balancer) handle(pkt []byte, from vnf.Side) vnf.Verdict {
	if len(pkt) >= arpSize && binary.BigEndian.Uint16(pkt[12:]) == 0x0806 {
		if from == vnf.Left && binary.BigEndian.Uint64(pkt[l3:]) == arpRequest && binary.BigEndian.Uint32(pkt[l3+24:]) == b.service.addr {
			b.answer(pkt)
			return vnf.Return
		}
		return vnf.Pass
	}
	if len(pkt) < l3+wire.IPv4Size || binary.BigEndian.Uint16(pkt[12:]) != 0x0800 {
		return vnf.Drop
	}
	l4 := l3 + int(pkt[l3]&0xf)*4
	proto, port, _, ok := wire.Ports(pkt, l3, l4) // not of fragments
	if !ok || proto != wire.ProtoTCP && proto != wire.ProtoUDP {
		return vnf.Drop
	}
	src, dst := binary.BigEndian.Uint32(pkt[l3+wire.IPv4Src:]), binary.BigEndian.Uint32(pkt[l3+wire.IPv4Dst:])
	if from == vnf.Left && dst == b.service.addr {
		s := b.pick(src, port, proto)
		copy(pkt, s.mac[:])
		wire.SetIPv4Addr(pkt, l3, l4, wire.IPv4Dst, s.addr)
		return vnf.Pass
	}
	for _, s := range b.servers {
		if from == vnf.Right && src == s.addr {
			copy(pkt[6:], b.service.mac[:])
			wire.SetIPv4Addr(pkt, l3, l4, wire.IPv4Src, b.service.addr)
			return vnf.Pass
		}
	}
	return vnf.Drop
}

// answer makes a request for the service's address its answer.
func (b *balancer) answer(pkt []byte) {
	asker := [10]byte(pkt[l3+8:]) // Ethernet and IPv4 address
	copy(pkt, asker[:6])
	copy(pkt[6:], b.service.mac[:])
	pkt[l3+7] = 2 // a reply
	copy(pkt[l3+8:], b.service.mac[:])
	binary.BigEndian.PutUint32(pkt[l3+14:], b.service.addr)
	copy(pkt[l3+18:], asker[:])
}
