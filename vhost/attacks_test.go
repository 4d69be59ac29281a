package vhost

import (
	"encoding/binary"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
)

// A raw is a descriptor as a guest writes it (VIRTIO 1.2, 2.7.5).
type raw struct {
	addr  uint64
	len   uint32
	flags uint16
	next  uint16
}

// Flags of descriptors.
const (
	hasNext  = 1
	isWrite  = 2
	indirect = 4
)

// putDescs writes descriptors to guest memory at off.
func (g *guest) putDescs(off uint64, ds ...raw) {
	for i, d := range ds {
		b := g.memory[off+16*uint64(i):]
		binary.LittleEndian.PutUint64(b, d.addr)
		binary.LittleEndian.PutUint32(b[8:], d.len)
		binary.LittleEndian.PutUint16(b[12:], d.flags)
		binary.LittleEndian.PutUint16(b[14:], d.next)
	}
}

// putAvail makes heads available on a split ring that was not used before, and says there are n.
func (g *guest) putAvail(r *guestRing, n uint16, heads ...uint16) {
	b := g.memory[r.base+uint64(r.layout.Driver):]
	for i, h := range heads {
		binary.LittleEndian.PutUint16(b[4+2*i:], h)
	}
	binary.LittleEndian.PutUint16(b[2:], n)
}

// data returns the guest-physical address of the slots, and where they are in memory.
func (g *guest) data() (addr, off uint64) {
	off = uint64(len(g.rings) * ringRoom)
	return g.base + off, off
}

// An attack is one thing to try.
type attack struct {
	name  string
	shape shape
	// do tries it. The worker polls all the while.
	do func(b *bench)
	// fault is the counter that tells of it, log a part of what the log says.
	fault, log string
}

// ring is an attack by what the guest writes into a split ring that it transmits on.
func ringAttack(name, kind string, features proto.Features, do func(g *guest, r *guestRing, addr, off uint64)) attack {
	return attack{
		name: name, shape: shape{features: common | features}, fault: "fault_" + kind, log: kind,
		do: func(b *bench) {
			addr, off := b.g.data()
			do(b.g, b.g.rings[1], addr, off)
		},
	}
}

// message is an attack by a message.
func messageAttack(name, log string, do func(b *bench)) attack {
	return attack{name: name, shape: shape{features: common}, fault: "fault_message", log: log, do: do}
}

// insult sends a message that is not welcome.
func (b *bench) insult(r proto.Request, p proto.Payload, fds ...int) {
	b.t.Helper()
	if err := b.g.conn.Tell(r, p, fds...); err == nil {
		b.t.Errorf("%v %+v is welcome", r, p)
	}
}

func ringAttacks() []attack {
	return []attack{
		ringAttack("descriptors that loop", "descriptor_loop", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 64, hasNext, 1}, raw{addr, 64, hasNext, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a descriptor that follows itself", "descriptor_loop", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 64, hasNext, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a head that the ring does not have", "head_out_of_range", 0, func(g *guest, r *guestRing, _, _ uint64) {
			g.putAvail(r, 1, 256)
		}),
		ringAttack("a next that the ring does not have", "next_out_of_range", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 64, hasNext, 60000})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an index far ahead", "avail_index_jump", 0, func(g *guest, r *guestRing, _, _ uint64) {
			g.putAvail(r, 5000, 0)
		}),
		ringAttack("a buffer of no bytes", "empty_buffer", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 0, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a buffer outside of memory", "buffer_outside_memory", 0, func(g *guest, r *guestRing, _, _ uint64) {
			g.putDescs(r.base, raw{0, 64, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a buffer that reaches out of memory", "buffer_outside_memory", 0, func(g *guest, r *guestRing, _, _ uint64) {
			g.putDescs(r.base, raw{guestBase + uint64(len(g.memory)) - 10, 64, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a buffer whose end wraps around", "buffer_outside_memory", 0, func(g *guest, r *guestRing, _, _ uint64) {
			g.putDescs(r.base, raw{math.MaxUint64 - 10, math.MaxUint32, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("4 GiB in one buffer", "buffer_outside_memory", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, math.MaxUint32, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a readable buffer behind a writable one", "buffer_order", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 64, hasNext | isWrite, 1}, raw{addr, 64, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table that was not negotiated", "indirect_not_negotiated", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 16, indirect, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table in an indirect table", "indirect_nested", proto.IndirectDesc, func(g *guest, r *guestRing, addr, off uint64) {
			g.putDescs(off, raw{addr, 16, indirect, 0})
			g.putDescs(r.base, raw{addr, 16, indirect, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table that loops", "descriptor_loop", proto.IndirectDesc, func(g *guest, r *guestRing, addr, off uint64) {
			g.putDescs(off, raw{addr, 64, hasNext, 1}, raw{addr, 64, hasNext, 0})
			g.putDescs(r.base, raw{addr, 32, indirect, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table of half a descriptor", "indirect_size", proto.IndirectDesc, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 24, indirect, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table of no descriptors", "indirect_size", proto.IndirectDesc, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 0, indirect, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table outside of memory", "indirect_outside_memory", proto.IndirectDesc, func(g *guest, r *guestRing, _, _ uint64) {
			g.putDescs(r.base, raw{math.MaxUint64 - 100, 64, indirect, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table in the middle of a chain", "indirect_with_next", proto.IndirectDesc, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 32, indirect | hasNext, 1}, raw{addr, 64, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a chain shorter than the header", "header", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 11, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a chain without anything to read", "header", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			g.putDescs(r.base, raw{addr, 64, isWrite, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("a checksum outside of the packet", "header", proto.Csum, func(g *guest, r *guestRing, addr, off uint64) {
			h := (*[nethdr.Size]byte)(g.memory[off:])
			nethdr.Put(h, &frame.Offload{Csum: frame.NeedsCsum, CsumStart: 60000, CsumOffset: 6000}, 0)
			g.putDescs(r.base, raw{addr, 100, 0, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("segments of no bytes", "header", proto.Csum|proto.HostTSO4, func(g *guest, r *guestRing, addr, off uint64) {
			h := (*[nethdr.Size]byte)(g.memory[off:])
			nethdr.Put(h, &frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16, GSO: frame.GSOTCPv4}, 0)
			g.putDescs(r.base, raw{addr, 100, 0, 0})
			g.putAvail(r, 1, 0)
		}),
	}
}

// packedAttacks write into a packed ring that the guest transmits on.
func packedAttacks() []attack {
	const available = 1 << 7 // VIRTIO 1.2, 2.8.1, in the first round
	one := func(name, kind string, ds ...raw) attack {
		return ringAttack(name, kind, proto.RingPacked|proto.IndirectDesc, func(g *guest, r *guestRing, addr, _ uint64) {
			for i := range ds {
				if ds[i].addr == 0 {
					ds[i].addr = addr
				}
				// In a packed descriptor the id comes before the flags.
				ds[i].flags, ds[i].next = ds[i].next, ds[i].flags
			}
			g.putDescs(r.base, ds...)
		})
	}
	return []attack{
		one("packed: an id that the ring does not have", "id_out_of_range", raw{0, 64, available, 256}),
		one("packed: a buffer of no bytes", "empty_buffer", raw{0, 0, available, 0}),
		one("packed: a buffer outside of memory", "buffer_outside_memory", raw{1, 64, available, 0}),
		one("packed: a chain that goes on where nothing is available", "chain_not_available", raw{0, 64, available | hasNext, 0}),
		one("packed: an indirect table of half a descriptor", "indirect_size", raw{0, 24, available | indirect, 0}),
	}
}

func messageAttacks() []attack {
	return []attack{
		messageAttack("a ring that there is not", "SET_VRING_NUM: ring 2", func(b *bench) {
			b.insult(proto.SetVringNum, proto.VringState{Index: 2, Num: 256})
		}),
		messageAttack("an address for a ring that there is not", "SET_VRING_ADDR: ring 4294967295", func(b *bench) {
			b.insult(proto.SetVringAddr, proto.VringAddr{Index: math.MaxUint32})
		}),
		messageAttack("a descriptor for a ring that there is not", "SET_VRING_CALL: ring 255", func(b *bench) {
			b.insult(proto.SetVringCall, proto.VringFile{Index: 255}, b.g.rings[0].call)
		}),
		messageAttack("a ring without entries", "SET_VRING_NUM: ring 0: 0 entries", func(b *bench) {
			b.insult(proto.SetVringNum, proto.VringState{Index: 0})
		}),
		messageAttack("a ring with too many entries", "SET_VRING_NUM: ring 0: 65536 entries", func(b *bench) {
			b.insult(proto.SetVringNum, proto.VringState{Index: 0, Num: 65536})
		}),
		messageAttack("a ring that is enabled twice as much", "enabled is 2", func(b *bench) {
			b.insult(proto.SetVringEnable, proto.VringState{Index: 0, Num: 2})
		}),
		messageAttack("memory whose size wraps around", "wrap", func(b *bench) {
			r := b.g.region()
			r.Size = math.MaxUint64 - r.Guest + 1
			b.insult(proto.SetMemTable, proto.MemTable{r}, int(b.g.file.Fd()))
		}),
		messageAttack("memory at an offset that wraps around", "no file is that long", func(b *bench) {
			r := b.g.region()
			r.Offset = math.MaxUint64 - 4095
			b.insult(proto.SetMemTable, proto.MemTable{r}, int(b.g.file.Fd()))
		}),
		messageAttack("memory of no bytes", "empty", func(b *bench) {
			r := b.g.region()
			r.Size = 0
			b.insult(proto.AddMemReg, r, int(b.g.file.Fd()))
		}),
		messageAttack("memory longer than its file", "the file has", func(b *bench) {
			r := b.g.region()
			r.Size += 1 << 20
			b.insult(proto.SetMemTable, proto.MemTable{r}, int(b.g.file.Fd()))
		}),
		messageAttack("memory that overlaps", "overlap", func(b *bench) {
			r := b.g.region()
			r.User += 1 << 40
			b.insult(proto.AddMemReg, r, int(b.g.file.Fd()))
		}),
		messageAttack("memory that is no file", "not a file of memory", func(b *bench) {
			b.insult(proto.SetMemTable, proto.MemTable{b.g.region()}, b.g.rings[0].call)
		}),
		messageAttack("memory that is taken away and was never there", "there is no such region", func(b *bench) {
			b.insult(proto.RemMemReg, proto.Region{Guest: 1, User: 2, Size: 3})
		}),
		messageAttack("a kick that is no eventfd", "not an eventfd", func(b *bench) {
			b.insult(proto.SetVringKick, proto.VringFile{Index: 1}, int(b.g.file.Fd()))
		}),
		messageAttack("a call that is a pipe", "not an eventfd", func(b *bench) {
			r, w, err := os.Pipe()
			if err != nil {
				b.t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			b.insult(proto.SetVringCall, proto.VringFile{Index: 0}, int(w.Fd()))
		}),
		messageAttack("a missing descriptor", "SET_VRING_KICK", func(b *bench) {
			b.insult(proto.SetVringKick, proto.VringFile{Index: 1})
		}),
		messageAttack("a descriptor too many", "SET_VRING_NUM", func(b *bench) {
			b.insult(proto.SetVringNum, proto.VringState{Index: 1, Num: 16}, b.g.rings[0].call)
		}),
		messageAttack("inflight memory for more rings than there are", "inflight memory for 3 rings", func(b *bench) {
			b.insult(proto.SetInflightFD, proto.Inflight{Size: 1 << 20, Queues: 3, QueueSize: 256}, int(b.g.file.Fd()))
		}),
		messageAttack("inflight memory that is too small", "inflight memory of", func(b *bench) {
			b.insult(proto.SetInflightFD, proto.Inflight{Size: 64, Queues: 2, QueueSize: 256}, int(b.g.file.Fd()))
		}),
		messageAttack("inflight memory behind its file", "the file has", func(b *bench) {
			b.insult(proto.SetInflightFD, proto.Inflight{Size: 1 << 30, Offset: 1 << 39, Queues: 2, QueueSize: 256}, int(b.g.file.Fd()))
		}),
		messageAttack("inflight memory whose end wraps around", "no file is that long", func(b *bench) {
			b.insult(proto.SetInflightFD, proto.Inflight{Size: math.MaxUint64, Offset: math.MaxUint64 - 4095, Queues: 2, QueueSize: 256}, int(b.g.file.Fd()))
		}),
		messageAttack("a log of no bytes", "log of", func(b *bench) {
			b.refusedLog(proto.Log{})
		}),
		messageAttack("a log behind its file", "log of", func(b *bench) {
			b.refusedLog(proto.Log{Size: 1 << 40})
		}),
		messageAttack("a log whose end wraps around", "log of", func(b *bench) {
			b.refusedLog(proto.Log{Size: math.MaxUint64, Offset: 4096})
		}),
		messageAttack("a translation of a kind that only we send", "IOTLB_MSG: an IOTLB message of type 1", func(b *bench) {
			b.g.tell(proto.SetFeatures, proto.U64(common|proto.AccessPlatform))
			b.insult(proto.IOTLBMsg, proto.IOTLB{Address: guestBase, Size: 4096, User: userBase, Perm: 3, Type: proto.IOTLBMiss})
		}),
		messageAttack("a ring that is not aligned", "ring_misaligned", func(b *bench) {
			a := b.g.address(1)
			a.Desc += 8
			b.insult(proto.SetVringAddr, a)
		}),
		messageAttack("a used ring that is not aligned", "ring_misaligned", func(b *bench) {
			a := b.g.address(0)
			a.Used += 2
			b.insult(proto.SetVringAddr, a)
		}),
	}
}

// refusedLog sends a log that cannot be: the connection ends instead of an answer.
func (b *bench) refusedLog(l proto.Log) {
	b.t.Helper()
	m, err := b.g.conn.Ask(proto.SetLogBase, l, int(b.g.file.Fd()))
	if err == nil {
		m.Close()
		b.t.Errorf("a log %+v is welcome", l)
	}
}

func memoryAttacks() []attack {
	return []attack{
		{
			name: "memory that is cut short while it is read", shape: shape{features: common},
			fault: "fault_memory", log: "the guest's memory is gone",
			do: func(b *bench) {
				addr, _ := b.g.data()
				b.g.putDescs(b.g.rings[1].base, raw{addr + 512*slotStep, 100, 0, 0})
				if err := b.g.file.Truncate(fileBase + 3*ringRoom); err != nil { // the rings stay
					b.t.Fatal(err)
				}
				b.g.putAvail(b.g.rings[1], 1, 0)
			},
		},
		{
			name: "inflight memory that is cut short", shape: shape{features: common},
			fault: "fault_memory", log: "the memory of buffers in flight is gone",
			do: func(b *bench) {
				m, err := b.g.conn.Ask(proto.GetInflightFD, proto.Inflight{Queues: 2, QueueSize: 256})
				if err != nil {
					b.t.Fatal(err)
				}
				fd := m.Take(0)
				defer unix.Close(fd)
				b.g.tell(proto.SetInflightFD, m.Payload, fd)
				if err := unix.Ftruncate(fd, 0); err != nil {
					b.t.Fatal(err)
				}
				b.g.send(0, nil, number(1, 60))
			},
		},
		{
			name: "memory that is cut short, rings and all", shape: shape{features: common | proto.RingPacked},
			fault: "fault_memory", log: "the guest's memory is gone",
			do: func(b *bench) {
				if err := b.g.file.Truncate(0); err != nil {
					b.t.Fatal(err)
				}
			},
		},
	}
}
