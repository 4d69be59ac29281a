package main

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/culvertdev/culvert/bench/traffic"
)

// What the access list allows. Everything else is denied: that a packet is denied shows after a first bit of
// each field, and which bit that is makes the megaflow's mask.
const (
	allowedPort   = 80    // destination port
	allowedSource = 12345 // source port
)

var (
	allowedFrom = netip.MustParseAddr("10.77.1.10")
	allowedTo   = netip.MustParseAddr("10.77.2.20")
)

// Offsets in an Ethernet frame with IPv4 without options and UDP.
const (
	atFrom = 26
	atTo   = 30
	atUDP  = 34
	atSum  = atUDP + 6
)

// crafted returns n frames of an attacker, made as Csikor et al. do ("Tuple Space Explosion: A
// Denial-of-Service Attack Against a Software Packet Classifier", CoNEXT 2019): in each field that the access list
// looks at, the bits of the allowed value up to one that is the opposite, and random ones behind it. All
// places of that bit in all fields together make 32 x 32 x 16 x 16 megaflow masks; the frames take theirs at random.
func crafted(from, to net.HardwareAddr, n int, seed uint64) ([][]byte, error) {
	template, err := traffic.Flows{
		From: traffic.Endpoint{MAC: from, Addr: allowedFrom}, To: traffic.Endpoint{MAC: to, Addr: allowedTo},
	}.Frames()
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 1))
	ip := func(b []byte, allowed netip.Addr) {
		v := allowed.As4()
		binary.BigEndian.PutUint32(b, depart(r, binary.BigEndian.Uint32(v[:]), 32))
	}
	port := func(b []byte, allowed uint32) { binary.BigEndian.PutUint16(b, uint16(depart(r, allowed, 16))) }
	frames := make([][]byte, n)
	for i := range frames {
		f := append([]byte(nil), template[0]...)
		ip(f[atFrom:], allowedFrom)
		ip(f[atTo:], allowedTo)
		port(f[atUDP:], allowedSource)
		port(f[atUDP+2:], allowedPort)
		f[atSum], f[atSum+1] = 0, 0 // RFC 768: no checksum
		sumIP(f)
		frames[i] = f
	}
	return frames, nil
}

// depart returns a value of width bits that agrees with allowed up to a random bit, in which it differs.
func depart(r *rand.Rand, allowed uint32, width int) uint32 {
	bit := r.IntN(width) // from the lowest
	return (allowed>>bit^1)<<bit | r.Uint32()&(1<<bit-1)
}

// sumIP fills in the checksum of the IPv4 header of a frame (RFC 1071).
func sumIP(f []byte) {
	f[24], f[25] = 0, 0
	sum := uint32(0)
	for i := 14; i < atUDP; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(f[24:], ^uint16(sum))
}

// victims returns the frames of a victim: those of flows established connections over and over, and
// between them, one in every so many, the first of a new one. It may send from anywhere to anywhere, since
// its rule goes by the port it comes in by and its address.
func victims(from, to traffic.Endpoint, flows, every, n int, seed uint64) ([][]byte, error) {
	established, err := traffic.Flows{From: from, To: to, Count: flows}.Frames()
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 2))
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = established[i%flows]
		if every > 0 && i%every == 0 {
			f := append([]byte(nil), established[0]...)
			binary.BigEndian.PutUint32(f[atUDP:], r.Uint32()) // both ports
			f[atSum], f[atSum+1] = 0, 0
			frames[i] = f
		}
	}
	return frames, nil
}
