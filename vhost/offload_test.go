package vhost

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
)

// offloads is what a guest with all of them negotiates.
const offloads = common | proto.MrgRxbuf | proto.Csum | proto.HostTSO4 | proto.HostTSO6 | proto.HostECN |
	proto.GuestCsum | proto.GuestTSO4 | proto.GuestTSO6 | proto.GuestECN | proto.HostUSO | guestUSO

// segment returns a TCP segment of size payload bytes, with its checksum left out, and the header for it.
func segment(v6 bool, size int) ([]byte, frame.Offload) {
	l4 := wire.EthernetSize + wire.IPv4Size
	if v6 {
		l4 = wire.EthernetSize + wire.IPv6Size
	}
	b := make([]byte, l4+wire.TCPSize+size)
	copy(b, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0})
	ip := b[wire.EthernetSize:]
	o := frame.Offload{
		Csum: frame.NeedsCsum, CsumStart: uint16(l4), CsumOffset: wire.TCPChecksum,
		GSO: frame.GSOTCPv4, GSOSize: 1448, HeaderLen: uint16(l4 + wire.TCPSize),
	}
	if v6 {
		binary.BigEndian.PutUint16(b[wire.EthType:], wire.TypeIPv6)
		ip[0], ip[wire.IPv6Next] = 0x60, wire.ProtoTCP
		binary.BigEndian.PutUint16(ip[wire.IPv6Length:], uint16(wire.TCPSize+size))
		o.GSO = frame.GSOTCPv6
	} else {
		ip[0], ip[wire.IPv4Protocol] = 0x45, wire.ProtoTCP
		binary.BigEndian.PutUint16(ip[wire.IPv4Length:], uint16(len(ip)))
		binary.BigEndian.PutUint16(ip[wire.IPv4Checksum:], wire.Checksum(ip[:wire.IPv4Size]))
	}
	b[l4+wire.TCPDataOff] = 0x50
	for i := range size {
		b[l4+wire.TCPSize+i] = byte(i ^ i>>8)
	}
	wire.SeedChecksum(b, wire.EthernetSize, l4)
	return b, o
}

// datagrams returns UDP datagrams of 1200 bytes that are sent as one packet, and the header for it.
func datagrams(v6 bool, size int) ([]byte, frame.Offload) {
	b, o := segment(v6, size-wire.TCPSize+wire.UDPSize)
	ip, l4 := b[wire.EthernetSize:], int(o.CsumStart)
	if v6 {
		ip[wire.IPv6Next] = wire.ProtoUDP
	} else {
		ip[wire.IPv4Protocol] = wire.ProtoUDP
		ip[wire.IPv4Checksum], ip[wire.IPv4Checksum+1] = 0, 0
		binary.BigEndian.PutUint16(ip[wire.IPv4Checksum:], wire.Checksum(ip[:wire.IPv4Size]))
	}
	binary.BigEndian.PutUint16(b[l4+wire.UDPLength:], uint16(len(b)-l4))
	wire.SeedChecksum(b, wire.EthernetSize, l4)
	o.CsumOffset, o.GSO, o.GSOSize, o.HeaderLen = wire.UDPChecksum, frame.GSOUDPL4, 1200, uint16(l4+wire.UDPSize)
	return b, o
}

func TestDatagramsThatAGuestSendsAsOneComeAsOneAndGoAsOne(t *testing.T) {
	b := connected(t, shape{features: offloads})
	if !b.p.Info().Takes.All(pmd.TakeCsum | pmd.TakeUSO) {
		t.Fatal("the port does not say that the guest takes datagrams as one")
	}
	for _, v6 := range []bool{false, true} {
		want, o := datagrams(v6, 12000)
		b.g.send(0, &o, want)
		f := b.recvFrame(0)
		if f.Flags()&frame.HasOffload == 0 || b.pool.Meta(f).Offload != o || !bytes.Equal(b.pool.AppendTo(nil, f), want) {
			t.Errorf("IPv6 %v: it says %+v, want %+v", v6, b.pool.Meta(f).Offload, o)
		}
		b.g.offer(0, 10, 2048)
		b.b.Append(f)
		if n := b.p.tx[0].Send(&b.b); n != 1 {
			t.Fatalf("IPv6 %v: %d packets were taken", v6, n)
		}
		b.p.tx[0].Flush()
		if got := b.g.receive(0); len(got) != 1 || !bytes.Equal(got[0].data, want) || got[0].offload != o {
			t.Errorf("IPv6 %v: %d packets, or another one", v6, len(got))
		}
	}
}

func TestAGuestThatTakesDatagramsOfOneIPOnlyGetsThemCut(t *testing.T) {
	b := connected(t, shape{features: offloads &^ proto.GuestUSO6})
	if b.p.Info().Takes.All(pmd.TakeUSO) {
		t.Error("the port takes what its guest does not")
	}
}

func TestWhatAGuestLeavesUndoneComesWithThePacket(t *testing.T) {
	b := connected(t, shape{features: offloads, split: 12})
	for _, v6 := range []bool{false, true} {
		for _, size := range []int{100, 1448, 20000, 65000} {
			want, o := segment(v6, size)
			if size <= 1448 {
				o = frame.Offload{Csum: o.Csum, CsumStart: o.CsumStart, CsumOffset: o.CsumOffset}
			}
			b.g.send(0, &o, want)
			f := b.recvFrame(0)
			if f.Flags()&frame.HasOffload == 0 || b.pool.Meta(f).Offload != o {
				t.Errorf("%d bytes: it says %+v, want %+v", size, b.pool.Meta(f).Offload, o)
			}
			if got := b.pool.AppendTo(nil, f); !bytes.Equal(got, want) {
				t.Errorf("%d bytes: another packet", size)
			}
			b.tx.Put(f)
		}
	}
	b.want("rx_partial_checksum", 8)
	b.want("rx_segments", 4)
}

func TestWhatAGuestTakesUndoneGoesToItAsItIs(t *testing.T) {
	for name, features := range map[string]proto.Features{"split": offloads, "packed": offloads | proto.RingPacked} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, shape{features: features})
			if !b.p.Info().Takes.All(pmd.TakeCsum | pmd.TakeTSO4 | pmd.TakeTSO6 | pmd.TakeECN) {
				t.Fatal("the port does not say what the guest takes")
			}
			want, o := segment(false, 20000)
			o.GSO |= frame.GSOECN
			b.g.offer(0, 40, 1526)
			f, ok := b.tx.FromBytes(want)
			if !ok {
				t.Fatal("the arena is exhausted")
			}
			f.SetFlags(frame.HasOffload)
			b.pool.Meta(f).Offload = o
			b.b.Append(f)
			if n := b.p.tx[0].Send(&b.b); n != 1 {
				t.Fatalf("%d packets were taken", n)
			}
			b.p.tx[0].Flush()
			got := b.g.receive(0)
			if len(got) != 1 || !bytes.Equal(got[0].data, want) || got[0].offload != o {
				t.Fatalf("%d packets, or another one; it says %+v", len(got), got)
			}
			if got[0].buffers != (20066+12+1525)/1526 {
				t.Errorf("in %d buffers", got[0].buffers)
			}
			b.want("tx_segments", 1)
			b.g.hangUp()
			b.down()
			if b.p.Info().Takes.All(pmd.TakeCsum) {
				t.Error("the port takes what its guest took, which has gone")
			}
		})
	}
}

func TestOffloadsThatDoNotFitCostThePacket(t *testing.T) {
	b := connected(t, shape{features: offloads &^ (proto.HostTSO6 | proto.HostUSO)})
	v4, good := segment(false, 3000)
	v6, good6 := segment(true, 3000)
	udp := bytes.Clone(v4)
	udp[wire.EthernetSize+wire.IPv4Protocol] = wire.ProtoUDP
	bad := good
	bad.CsumStart--
	early := frame.Offload{Csum: frame.NeedsCsum, CsumStart: 4, CsumOffset: 2}
	late := frame.Offload{Csum: frame.NeedsCsum, CsumStart: 2000, CsumOffset: 16}
	uso := good
	uso.GSO = frame.GSOUDPL4
	for i, c := range []struct {
		name string
		p    []byte
		o    frame.Offload
	}{
		{"a segment that is UDP", udp, good}, {"a checksum that is not TCP's", v4, bad},
		{"segments over IPv6 that were not negotiated", v6, good6}, {"IPv4 that calls itself IPv6", v4, good6},
		{"a checksum in the Ethernet header", v4, early}, {"a checksum behind the first buffer", v4, late},
		{"datagrams as one that were not negotiated", udp, uso},
	} {
		b.g.send(0, &c.o, c.p)
		eventually(t, c.name+" is dropped", func() bool {
			if b.poll(0) > 0 {
				t.Errorf("%s came in", c.name)
			}
			return b.count("rx_bad_offload") == uint64(i+1)
		})
	}
	b.g.send(0, &good, v4)
	b.recv(0, 1)
	b.want("sessions", 1)
}

func TestPacketsThatDoNotFitTheGuestAreDroppedByName(t *testing.T) {
	b := connected(t, shape{features: common})
	b.g.offer(0, 3, 600)
	if n := b.send(0, number(1, 1000), number(2, 588), number(3, 1600), number(4, 60)); n != 2 {
		t.Errorf("%d packets were taken, want 2", n)
	}
	var got [][]byte
	for _, p := range b.g.receive(0) {
		got = append(got, p.data)
	}
	same(t, got, [][]byte{number(2, 588), number(4, 60)})
	b.want("tx_small_buffer", 1)
	b.want("tx_too_long", 1)
	_, o := segment(false, 100)
	f, _ := b.tx.FromBytes(number(5, 100))
	f.SetFlags(frame.HasOffload)
	b.pool.Meta(f).Offload = o
	b.b.Append(f)
	b.p.tx[0].Send(&b.b)
	b.want("tx_offload", 1)
}

// TestBuffersOfAnySizeAreMerged has buffers so small that no guess of how many a packet takes is right.
func TestBuffersOfAnySizeAreMerged(t *testing.T) {
	b := newBench(t, shape{features: common | proto.MrgRxbuf, size: 512}, func(o *Options) { o.MTU = 9000 })
	b.g.connect()
	b.up()
	for i, sizes := range [][]int{{20, 2000, 20, 2000}, {2000, 20, 20, 2000}, {13, 13, 3000}, {12, 3001}} {
		for _, n := range sizes {
			b.g.offer(0, 1, n)
		}
		want := number(i, 3000)
		if n := b.send(0, want); n != 1 {
			t.Fatalf("%v: not taken", sizes)
		}
		got := b.g.receive(0)
		if len(got) != 1 || !bytes.Equal(got[0].data, want) {
			t.Fatalf("%v: %d packets, or another one", sizes, len(got))
		}
		b.send(0, make([]byte, 60)) // takes a buffer that is left, if there is one
		b.g.receive(0)
	}
	b.g.offer(0, 300, 20)
	if n := b.send(0, number(9, 9000), number(10, 100)); n != 1 {
		t.Errorf("%d packets were taken, want the short one", n)
	}
}

func TestShortAndOverlongPacketsAreDroppedByName(t *testing.T) {
	b := connected(t, shape{features: common})
	b.g.send(0, nil, make([]byte, 13), make([]byte, 14), make([]byte, longest), make([]byte, longest+1))
	got := b.recv(0, 2)
	if len(got[0]) != 14 || len(got[1]) != longest {
		t.Errorf("packets of %d and %d bytes", len(got[0]), len(got[1]))
	}
	eventually(t, "the others are counted", func() bool { b.poll(0); return b.count("rx_too_long") == 1 })
	b.want("rx_runt", 1)
}

// A packet that is to be cut into ever so many segments would cost the switch a thousand times what it cost the guest.
func TestPacketsOfTooManySegmentsAreDropped(t *testing.T) {
	b := connected(t, shape{features: offloads})
	dropped := uint64(0)
	for _, v6 := range []bool{false, true} {
		for _, build := range []func(bool, int) ([]byte, frame.Offload){segment, datagrams} {
			for size, want := range map[uint16]bool{1: false, 8: false, 99: false, 100: true, 1400: true} {
				p, o := build(v6, mostSegments*100)
				o.GSOSize = size
				b.g.send(0, &o, p)
				if !want {
					dropped++
					eventually(t, "the packet is dropped by name", func() bool {
						if b.poll(0) != 0 {
							t.Fatalf("segments of %d bytes are taken", size)
						}
						return b.count("rx_small_segments") == dropped
					})
					continue
				}
				b.tx.Put(b.recvFrame(0))
			}
		}
	}
	b.want("sessions", 1)
}
