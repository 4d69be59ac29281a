package vhost

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
)

// FuzzFrontend has a frontend send messages of the right form that make no sense: numbers, sizes and descriptors
// of the fuzzer's choice, in any order, and with rings in between that hold what it likes. Whatever comes of it,
// the session ends, nothing panics, no frame, descriptor or mapping is left, and packets that the port gives out
// were in the guest's memory.
//
// There are two queue pairs, and sometimes a channel on which the back end asks, which nobody reads from or answers on.
//
// Each step is 18 bytes: what to do, which ring, two numbers. Numbers are bent towards those that mean something.
func FuzzFrontend(f *testing.F) {
	f.Add(script(script(nil, opSetUp, 0, 0, 0), opPacket, 1, 60, 0))
	f.Add(script(script(script(nil, opSetUp, 0, 1, 0), opDescriptor, 1, 3, 5), opPoll, 0, 0, 0))
	f.Add(script(script(script(nil, opSetUp, 0, 0, 0), opMemory, 0, 1, 0), opPoll, 0, 0, 0))
	f.Add(script(script(script(nil, opSetUp, 0, 1<<33, 0), opTranslate, 2, 4096, 4096), opPacket, 1, 60, 0))
	f.Add(script(script(script(nil, opSetUp, 0, 1<<33|1, 0), opTranslate, 6, 1, 1<<63), opSend, 1, 60, 0))
	f.Add(script(script(nil, opLog, 0, 1<<20, 0), opInflight, 0, 2, 256))
	f.Add(script(script(script(script(nil, opSetUp, 0, uint64(proto.LogAll|proto.InOrder), 0), opPacket, 1, 60, 0), opPacket, 3, 60, 0), opPoll, 0, 0, 0))
	f.Add(script(script(script(script(nil, opSetUp, 0, uint64(proto.LogAll|proto.InOrder)|1, 0), opPacket, 1, 60, 0), opSend, 1, 60, 0), opStop, 0, 0, 0))
	f.Add(script(script(script(script(nil, opSetUp, 0, uint64(proto.AccessPlatform), 0), opChannel, 0, 1, 0), opTranslate, 2, 4096, 4096), opPacket, 1, 60, 0))
	f.Add(script(script(script(nil, opChannel, 0, 1, 0), opChannel, 0, 0, 0), opChannel, 0, 2, 0))
	f.Fuzz(func(t *testing.T, steps []byte) {
		n := openFiles(t)
		z := newFuzzed(t)
		for len(steps) >= stepSize && z.alive() {
			z.step(steps[:stepSize])
			steps = steps[stepSize:]
			if len(steps) > 64*stepSize {
				steps = steps[:64*stepSize]
			}
		}
		z.close()
		if now := openFiles(t); len(now) > len(n) {
			t.Fatalf("%d descriptors are left behind", len(now)-len(n))
		}
	})
}

const stepSize = 18

// What a step may do.
const (
	opSetUp = iota // all of a ring at once, so that the fuzzer need not find that out
	opFeatures
	opSize
	opAddress
	opBase
	opStop
	opKick
	opCall
	opEnable
	opMemory
	opRegion
	opLog
	opInflight
	opReset
	opDescriptor // 16 bytes of a ring's descriptors
	opWord       // two bytes anywhere in the rings
	opChannel    // the channel on which the back end asks
	opTranslate  // what addresses behind an IOMMU stand for, or that they are taken back
	opPacket     // a packet that is as it should be
	opPoll
	opSend
	opCount
)

func script(b []byte, op, ring byte, x, y uint64) []byte {
	b = append(b, op, ring)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, x), y)
}

// fuzzed is a port, its worker, and a guest with a frontend that does not know what it does.
type fuzzed struct {
	t     *testing.T
	pool  *frame.Pool
	cache *frame.Cache
	p     *Port
	g     *guest
	ended chan struct{}
	batch frame.Batch
	back  *proto.Conn // the far end of the channel on which the back end asks; nil: there is none
	log   *os.File
}

func newFuzzed(t *testing.T) *fuzzed {
	pool, err := frame.NewPool(frame.Options{Buffers: 512, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	z := &fuzzed{t: t, pool: pool, ended: make(chan struct{})}
	if z.cache, err = pool.NewCache(); err != nil {
		t.Fatal(err)
	}
	o := Options{Pool: pool, Path: "nowhere", Queues: 2, Log: slog.New(slog.DiscardHandler), Clock: testClock(), Gather: -1, patience: time.Second}
	if o, err = o.withDefaults(); err != nil {
		t.Fatal(err)
	}
	if z.p, err = newPort("p1", o); err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	z.g = plainGuest(t)
	z.g.conn = proto.NewConn(socket(t, fds[0]))
	z.g.conn.SetTimeout(2 * time.Second)
	back := socket(t, fds[1])
	go func() {
		defer close(z.ended)
		z.p.session(context.Background(), back)
	}()
	return z
}

// socket makes a connection of a descriptor.
func socket(t *testing.T, fd int) *net.UnixConn {
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.UnixConn)
}

// plainGuest returns a guest with memory and rings, without a socket.
func plainGuest(t *testing.T) *guest {
	g := newMemory(t, shape{features: common, size: 16, pairs: 2})
	for i := range 4 {
		g.rings = append(g.rings, g.newRing(i))
	}
	return g
}

func (z *fuzzed) alive() bool {
	select {
	case <-z.ended:
		return false
	default:
		return true
	}
}

func (z *fuzzed) close() {
	z.g.hangUp()
	<-z.ended
	if z.back != nil {
		z.back.Close()
	}
	if z.log != nil {
		z.log.Close()
	}
	for range 3 {
		z.poll()
	}
	if err := z.p.release(); err != nil {
		z.t.Fatal(err)
	}
	z.cache.Close()
	if err := z.pool.Close(); err != nil {
		z.t.Fatal(err)
	}
	z.g.close()
}

// step does what 18 bytes say. Answers do not matter, and neither do errors.
func (z *fuzzed) step(b []byte) {
	op, ring := b[0]%opCount, b[1]
	x, y := binary.LittleEndian.Uint64(b[2:]), binary.LittleEndian.Uint64(b[10:])
	g, i := z.g, uint32(ring%5) // one ring that there is not
	tell := func(r proto.Request, p proto.Payload, fds ...int) { _ = g.conn.Tell(r, p, fds...) }
	switch op {
	case opSetUp:
		z.setUp(x)
	case opFeatures:
		tell(proto.SetFeatures, proto.U64(x))
	case opSize:
		tell(proto.SetVringNum, proto.VringState{Index: i, Num: uint32(x)})
	case opAddress:
		tell(proto.SetVringAddr, proto.VringAddr{Index: i, Flags: uint32(y & 1), Desc: bend(x), Avail: bend(x) + y%4096, Used: bend(y), Log: x})
	case opBase:
		tell(proto.SetVringBase, proto.VringState{Index: i, Num: uint32(x)})
	case opStop:
		if m, err := g.conn.Ask(proto.GetVringBase, proto.VringState{Index: i}); err == nil {
			m.Close()
		}
	case opKick:
		z.file(proto.SetVringKick, i, x)
	case opCall:
		z.file(proto.SetVringCall, i, x)
	case opEnable:
		tell(proto.SetVringEnable, proto.VringState{Index: i, Num: uint32(x % 3)})
	case opMemory:
		tell(proto.SetMemTable, proto.MemTable{{Guest: x, User: bend(x), Size: y % (1 << 24), Offset: y & 0xfff}}, int(g.file.Fd()))
	case opRegion:
		z.region(ring, x, y)
	case opLog:
		if m, err := g.conn.Ask(proto.SetLogBase, proto.Log{Size: x, Offset: y}, int(g.file.Fd())); err == nil {
			m.Close()
		}
	case opInflight:
		tell(proto.SetInflightFD, proto.Inflight{Size: y, Offset: y >> 12 << 12, Queues: uint16(x), QueueSize: uint16(y)}, int(g.file.Fd()))
	case opReset:
		tell([]proto.Request{proto.ResetDevice, proto.ResetOwner, proto.SetOwner}[x%3], nil)
	case opDescriptor:
		at := uint64(ring&3)*ringRoom + x%64*16
		binary.LittleEndian.PutUint64(g.memory[at:], guestBase+y%uint64(len(g.memory)+64))
		binary.LittleEndian.PutUint32(g.memory[at+8:], uint32(y>>32)%5000)
		binary.LittleEndian.PutUint32(g.memory[at+12:], uint32(x>>32)&0x1f_8087)
	case opWord:
		at := (uint64(ring&3)*ringRoom + x%2048) &^ 1
		binary.LittleEndian.PutUint16(g.memory[at:], uint16(y))
	case opChannel:
		z.channel(x)
	case opTranslate:
		v := proto.IOTLB{Address: bend(x), Size: y % (1 << 20), User: bend(y), Perm: uint8(y >> 60 & 3), Type: 1 + ring%4}
		if ring&4 != 0 {
			v.Address, v.Size, v.User = x, y, bend(x^y)&^4095
		}
		tell(proto.IOTLBMsg, v)
	case opPacket:
		g.trySend(g.rings[ring&3|1], int(x%1500)+1)
	case opPoll:
		z.poll()
	case opSend:
		z.send(int(ring>>1&1), int(x%1600)+1)
	}
	z.poll()
}

// bend makes an address of a number: mostly one in the guest's memory.
func bend(x uint64) uint64 {
	if x>>63 != 0 {
		return x
	}
	return userBase + x%(3*ringRoom)
}

// setUp is a frontend that knows what it does, of a guest with features that x chooses.
func (z *fuzzed) setUp(x uint64) {
	g := z.g
	g.shape.features = common | proto.Features(x)&(proto.MrgRxbuf|proto.IndirectDesc|proto.EventIdx|proto.InOrder|proto.Csum|proto.HostTSO4|proto.AccessPlatform|proto.LogAll)
	if x&1 != 0 {
		g.shape.features |= proto.RingPacked
	}
	for _, r := range g.rings {
		g.resetRing(r)
	}
	g.tryMessages()
	if g.shape.features.Has(proto.LogAll) {
		z.startLog()
	}
	if g.shape.features.Has(proto.AccessPlatform) { // addresses as if there were none
		for _, at := range []uint64{userBase, guestBase} {
			_ = g.conn.Tell(proto.IOTLBMsg, proto.IOTLB{Address: at, Size: uint64(len(g.memory)), User: userBase, Perm: 3, Type: proto.IOTLBUpdate})
		}
	}
}

// startLog has all writes logged, in a log that covers all memory.
func (z *fuzzed) startLog() {
	const size = (guestBase + 64<<20) / mem.LogPage / 8
	if z.log == nil {
		fd, err := unix.MemfdCreate("guest-log", unix.MFD_CLOEXEC)
		if err != nil {
			z.t.Fatal(err)
		}
		if err := unix.Ftruncate(fd, size); err != nil {
			z.t.Fatal(err)
		}
		z.log = os.NewFile(uintptr(fd), "guest-log")
	}
	if m, err := z.g.conn.Ask(proto.SetLogBase, proto.Log{Size: size}, int(z.log.Fd())); err == nil {
		m.Close()
	}
	for i, r := range z.g.rings {
		a := z.g.address(i)
		a.Flags, a.Log = proto.VringLog, guestBase+r.base+uint64(r.layout.Device)
		_ = z.g.conn.Tell(proto.SetVringAddr, a)
	}
}

// channel gives the back end a channel to ask on, or something that is none.
func (z *fuzzed) channel(x uint64) {
	back, fd, err := proto.Pair()
	if err != nil {
		z.t.Fatal(err)
	}
	defer unix.Close(fd)
	switch x % 4 {
	case 0:
		_ = z.g.conn.Tell(proto.SetBackendReqFD, nil, int(z.g.file.Fd()))
	case 1:
		_ = z.g.conn.Tell(proto.SetBackendReqFD, nil)
	default:
		_ = z.g.conn.Tell(proto.SetBackendReqFD, nil, fd)
	}
	if z.back != nil {
		z.back.Close()
	}
	z.back = back
}

// file sends one of several descriptors for a ring.
func (z *fuzzed) file(r proto.Request, i uint32, x uint64) {
	v := proto.VringFile{Index: uint8(i)}
	switch x % 4 {
	case 0:
		v.None = true
		_ = z.g.conn.Tell(r, v)
	case 1:
		_ = z.g.conn.Tell(r, v, int(z.g.file.Fd()))
	default:
		_ = z.g.conn.Tell(r, v, z.g.rings[x>>2&3].kick)
	}
}

// region adds or takes away memory.
func (z *fuzzed) region(what byte, x, y uint64) {
	r := proto.Region{Guest: x, User: bend(x), Size: y % (1 << 24), Offset: y & 0xfff}
	if what&2 != 0 {
		r = z.g.region()
	}
	if what&1 != 0 {
		_ = z.g.conn.Tell(proto.RemMemReg, r)
	} else {
		_ = z.g.conn.Tell(proto.AddMemReg, r, int(z.g.file.Fd()))
	}
}

// poll is the worker.
func (z *fuzzed) poll() {
	for _, q := range z.p.rx {
		q.Recv(&z.batch)
		for _, f := range z.batch.Frames() {
			if n := z.pool.Total(f); n < 14 || n > longest {
				z.t.Fatalf("a packet of %d bytes", n)
			}
		}
		z.cache.PutBatch(&z.batch)
		q.Arm()
	}
}

func (z *fuzzed) send(queue, n int) {
	if f, ok := z.cache.FromBytes(make([]byte, n)); ok {
		z.batch.Append(f)
		z.p.tx[queue].Send(&z.batch)
		z.p.tx[queue].Flush()
	}
}
