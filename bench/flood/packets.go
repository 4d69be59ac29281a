package flood

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// packets are what is sent, in turn.
type packets struct {
	list  [][]byte // in one piece of memory, in its order
	count *count   // where the destination is counted on; nil: it is not
}

// A count is where packets have their destination, which is a number.
type count struct {
	first uint32 // destination of the first
	flows uint32
	sum   uint32 // of the words of the IPv4 header without destination and checksum (RFC 1071)
}

// Of an IPv4 packet without a tag.
const (
	sumAt = wire.EthernetSize + 10
	dstAt = wire.EthernetSize + 16
	udpAt = wire.EthernetSize + wire.IPv4Size
)

// prepare returns the packets that each guest sends, and those that are to be in what arrives, which differ where they come out of a tunnel.
func (o Options) prepare() (sent, inner [2]packets, err error) {
	if err := o.check(); err != nil {
		return sent, inner, err
	}
	for who, spec := range [2]stream.Spec{o.Frames, o.back()} {
		if who == 1 && !o.Both && !o.Out {
			break
		}
		if inner[who], err = o.packets(spec); err != nil {
			return sent, inner, err
		}
		sent[who] = inner[who]
	}
	if t := o.Tunnel; t != nil && o.Out {
		spec := o.back()
		spec.Tunnel = &stream.Tunnel{
			Type: t.Type, VNI: t.Key, Source: stream.Endpoint{MAC: macText(t.FarMAC), Address: t.Far}, Destination: stream.Endpoint{MAC: macText(t.NearMAC), Address: t.Near},
		}
		sent[1].list, err = made(spec)
	}
	return sent, inner, err
}

// back is what the second guest sends. Where both do, it has addresses of its own.
func (o Options) back() stream.Spec {
	s := o.Frames
	if !o.Both {
		return s
	}
	if s.Source.MAC == "" && s.Destination.MAC == "" {
		s.Source.MAC, s.Destination.MAC = "02:00:00:00:00:02", "02:00:00:00:00:01" // a stream's own the other way round
	}
	if s.Source.Address.IsValid() {
		s.Source.Address = s.Source.Address.Next()
	}
	return s
}

// packets returns those that a stream describes.
func (o Options) packets(spec stream.Spec) (p packets, err error) {
	if o.Counts() {
		return counted(spec)
	}
	p.list, err = made(spec)
	return p, err
}

func macText(m [6]byte) string { return net.HardwareAddr(m[:]).String() }

// made returns packets as a stream of the generator has them.
func made(spec stream.Spec) (list [][]byte, err error) {
	pool, err := frame.NewPool(frame.Options{Buffers: 2 * Packets, Huge: frame.HugeNever})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	cache, err := pool.NewCache()
	if err != nil {
		return nil, err
	}
	defer cache.Close()
	s, err := stream.New(spec, 0, stream.NewBodies(pool))
	if err != nil {
		return nil, err
	}
	if s.Longest() > room {
		return nil, fmt.Errorf("packets of %d bytes, want at most %d", s.Longest(), room)
	}
	const line = 64
	apart := (s.Longest() + line - 1) &^ (line - 1)
	n := ready(spec)
	memory := make([]byte, n*apart)
	var b frame.Batch
	for len(list) < n {
		if s.Fill(cache, &b, min(frame.MaxBatch, n-len(list)), 0) == 0 {
			return nil, fmt.Errorf("no buffers for packets of %d bytes", s.Longest())
		}
		for _, f := range b.Frames() {
			at := memory[len(list)*apart:]
			size := copy(at, pool.Bytes(f))
			list = append(list, at[:size:size])
		}
		cache.PutBatch(&b)
	}
	return list, nil
}

// ready is how many packets of a stream are made: flows that come in turn have as many each, or the first ones would come more often.
func ready(spec stream.Spec) int {
	if spec.Order != "" && spec.Order != "cyclic" {
		return Packets
	}
	return Packets - Packets%max(spec.Flows, 1)
}

// counted returns a packet whose destination is counted on.
func counted(spec stream.Spec) (p packets, err error) {
	flows := spec.Flows
	spec.Flows = 1
	list, err := made(spec)
	if err != nil {
		return p, err
	}
	packet := list[0]
	if slices.ContainsFunc(list, func(other []byte) bool { return len(other) != len(packet) }) {
		return p, fmt.Errorf("%d flows of several sizes, want one size or at most %d flows", flows, Packets)
	}
	p.list = list[:1]
	p.count = &count{first: binary.BigEndian.Uint32(packet[dstAt:]), flows: uint32(flows)}
	clear(packet[udpAt+6:][:2])
	clear(packet[sumAt:][:2])
	clear(packet[dstAt:][:4])
	for at := wire.EthernetSize; at < udpAt; at += 2 {
		p.count.sum += uint32(binary.BigEndian.Uint16(packet[at:]))
	}
	return p, nil
}

// put gives a packet the destination of flow n.
func (c *count) put(packet []byte, n uint32) {
	to := c.first + n
	sum := c.sum + to>>16 + to&0xffff // of 22 bits at most
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	binary.BigEndian.PutUint32(packet[dstAt:], to)
	binary.BigEndian.PutUint16(packet[sumAt:], ^uint16(sum))
}
