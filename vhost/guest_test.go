package vhost

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// What a test's guest has, all in one region: rings of 128 KiB each, then a slot for each buffer. Addresses of
// the guest, of its frontend and in the file differ, so that none can be taken for another.
const (
	guestBase = 0x4000_0000
	iovaBase  = 0xffff_c000_0000
	userBase  = 0x7f00_0000_0000
	fileBase  = 0x1000
	ringRoom  = 128 << 10
	slotSize  = 4096
	slotStep  = slotSize + 192 // from one to the next, so that they do not all want the same lines of a cache
	slots     = 1024
)

// common is what a modern guest negotiates.
const common = proto.Version1 | proto.ProtocolBit

// A driverHalf is either layout of the driver's half of a ring.
type driverHalf interface {
	Add(cookie uint32, readable, writable []driver.Buffer) bool
	Publish()
	Kick() bool
	Reap(done []driver.Done) int
	Calls(on bool) (ready bool)
	Free() int
	Err() error
}

// shape says what kind of guest a test has.
type shape struct {
	features proto.Features
	pairs    int
	size     int // entries of each ring; default 256
	split    int // bytes of the first buffer of a packet; 0: all in one
	server   bool
}

// A guest is a virtual machine's driver and its frontend, under a test's control.
type guest struct {
	t      testing.TB
	shape  shape
	file   *os.File
	memory []byte
	path   string
	listen *net.UnixListener
	conn   *proto.Conn
	sock   *net.UnixConn
	rings  []*guestRing
	header int
	next   uint32     // slot to use next
	base   uint64     // of the addresses that descriptors have: guestBase, or iovaBase behind an IOMMU
	iommu  *iommu     // nil: there is none
	mu     sync.Mutex // one message at a time
}

// A guestRing is one of its rings.
type guestRing struct {
	driverHalf
	layout     driver.Layout
	base       uint64 // offset in memory
	kick, call int
}

// newGuest returns a guest with its memory and rings, that nobody has connected to.
func newGuest(t testing.TB, s shape) *guest {
	t.Helper()
	g := newMemory(t, s)
	t.Cleanup(g.close)
	g.path = filepath.Join(t.TempDir(), "vhost.sock")
	if !s.server {
		var err error
		if g.listen, err = net.ListenUnix("unix", &net.UnixAddr{Name: g.path, Net: "unix"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * g.shape.pairs {
		g.rings = append(g.rings, g.newRing(i))
	}
	return g
}

// newMemory returns a guest that has nothing but memory.
func newMemory(t testing.TB, s shape) *guest {
	t.Helper()
	s.size, s.pairs = cmp.Or(s.size, 256), cmp.Or(s.pairs, 1)
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, shape: s, file: os.NewFile(uintptr(fd), "guest"), header: headerOf(s.features), base: guestBase}
	if s.features.Has(proto.AccessPlatform) {
		g.iommu = newIOMMU(g)
		g.base = iovaBase
	}
	size := 2*s.pairs*ringRoom + slots*slotStep
	if err := g.file.Truncate(fileBase + int64(size)); err != nil {
		t.Fatal(err)
	}
	if g.memory, err = unix.Mmap(fd, fileBase, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guest) newRing(i int) *guestRing {
	g.t.Helper()
	r := &guestRing{base: uint64(i) * ringRoom, kick: g.eventfd(), call: g.eventfd()}
	g.resetRing(r)
	return r
}

// resetRing is what a driver does that is loaded anew.
func (g *guest) resetRing(r *guestRing) {
	g.t.Helper()
	c := driver.Config{
		Size: g.shape.size, Base: g.base + r.base, EventIndex: g.shape.features.Has(proto.EventIdx),
		InOrder: g.shape.features.Has(proto.InOrder),
	}
	if g.shape.features.Has(proto.IndirectDesc) {
		c.Table = 8
	}
	mem := g.memory[r.base:][:ringRoom]
	var err error
	if g.shape.features.Has(proto.RingPacked) {
		r.layout = driver.PackedLayout(c)
		r.driverHalf, err = driver.NewPacked(mem, c)
	} else {
		r.layout = driver.SplitLayout(c)
		r.driverHalf, err = driver.NewSplit(mem, c)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) eventfd() int {
	g.t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		g.t.Fatal(err)
	}
	return fd
}

func (g *guest) close() {
	g.hangUp()
	if g.listen != nil {
		g.listen.Close()
	}
	for _, r := range g.rings {
		unix.Close(r.kick)
		unix.Close(r.call)
	}
	unix.Munmap(g.memory)
	g.file.Close()
}

// hangUp ends the connection.
func (g *guest) hangUp() {
	if g.conn != nil {
		g.conn.Close()
		g.conn = nil
	}
	if g.iommu != nil {
		g.iommu.hangUp()
	}
}

// meet connects to the port, or waits for it to connect.
func (g *guest) meet() {
	g.t.Helper()
	var err error
	if g.listen != nil {
		g.listen.SetDeadline(time.Now().Add(10 * time.Second))
		g.sock, err = g.listen.AcceptUnix()
	} else {
		g.sock, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: g.path, Net: "unix"})
	}
	if err != nil {
		g.t.Fatal(err)
	}
	g.conn = proto.NewConn(g.sock)
}

// tell sends a message that must be welcome.
func (g *guest) tell(r proto.Request, p proto.Payload, fds ...int) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.conn.Tell(r, p, fds...); err != nil {
		g.t.Fatalf("%v: %v", r, err)
	}
}

// region is all of the guest's memory.
func (g *guest) region() proto.Region {
	return proto.Region{Guest: guestBase, User: userBase, Size: uint64(len(g.memory)), Offset: fileBase}
}

// connect does all a frontend does to bring the guest's network up.
func (g *guest) connect() {
	g.t.Helper()
	g.meet()
	g.negotiate()
	g.tell(proto.SetMemTable, proto.MemTable{g.region()}, int(g.file.Fd()))
	for i := range g.rings {
		g.startRing(i, g.start())
	}
}

func (g *guest) negotiate() {
	g.t.Helper()
	offered, err := g.conn.AskNumber(proto.GetFeatures)
	if err != nil {
		g.t.Fatal(err)
	}
	if missing := g.shape.features &^ proto.Features(offered); missing != 0 {
		g.t.Fatalf("not offered: %v", missing)
	}
	if g.shape.features.Has(proto.ProtocolBit) {
		n, err := g.conn.AskNumber(proto.GetProtocolFeatures)
		if err != nil {
			g.t.Fatal(err)
		}
		g.conn.SetAcks(proto.ProtocolFeatures(n).Has(proto.PReplyAck))
		g.tell(proto.SetProtocolFeatures, proto.U64(n))
	}
	if g.iommu != nil {
		g.iommu.start()
	}
	g.tell(proto.SetOwner, nil)
	g.tell(proto.SetFeatures, proto.U64(g.shape.features))
}

// askInflight has the port make memory in which it notes what it takes, and returns that memory's descriptor.
func (g *guest) askInflight() (layout proto.Inflight, fd int) {
	g.t.Helper()
	m, err := g.conn.Ask(proto.GetInflightFD, proto.Inflight{Queues: uint16(len(g.rings)), QueueSize: uint16(g.shape.size)})
	if err != nil {
		g.t.Fatal(err)
	}
	defer m.Close()
	return m.Payload.(proto.Inflight), m.Take(0)
}

// address is where the parts of ring i are.
func (g *guest) address(i int) proto.VringAddr {
	r := g.rings[i]
	at := userBase + r.base
	if g.iommu != nil {
		at = iovaBase + r.base
	}
	return proto.VringAddr{
		Index: uint32(i), Desc: at, Avail: at + uint64(r.layout.Driver), Used: at + uint64(r.layout.Device),
	}
}

// startRing tells the port about ring i, to go on at base.
func (g *guest) startRing(i int, base uint32) {
	g.t.Helper()
	g.setRing(i, base)
	g.tell(proto.SetVringKick, proto.VringFile{Index: uint8(i)}, g.rings[i].kick)
	if g.shape.features.Has(proto.ProtocolBit) {
		g.tell(proto.SetVringEnable, proto.VringState{Index: uint32(i), Num: 1})
	}
}

// start is the base of a ring that is new. It is not 0 for packed rings, where 0 is the position after an odd
// number of laps.
func (g *guest) start() uint32 {
	if g.shape.features.Has(proto.RingPacked) {
		return virtq.PackedStart
	}
	return 0
}

// setRing does all of that but the last step.
func (g *guest) setRing(i int, base uint32) {
	g.t.Helper()
	n := uint32(i)
	g.tell(proto.SetVringNum, proto.VringState{Index: n, Num: uint32(g.shape.size)})
	g.tell(proto.SetVringBase, proto.VringState{Index: n, Num: base})
	g.tell(proto.SetVringAddr, g.address(i))
	g.tell(proto.SetVringCall, proto.VringFile{Index: uint8(i)}, g.rings[i].call)
}

// buffer returns the next slot as a buffer of n bytes, and its memory.
func (g *guest) buffer(n int) (uint32, driver.Buffer, []byte) {
	slot := g.next % slots
	g.next++
	off := uint64(len(g.rings)*ringRoom) + uint64(slot)*slotStep
	return slot, driver.Buffer{Addr: g.base + off, Len: uint32(n)}, g.memory[off : off+uint64(n)]
}

// slot returns the memory of a slot.
func (g *guest) slot(slot uint32) []byte {
	off := uint64(len(g.rings)*ringRoom) + uint64(slot)*slotStep
	return g.memory[off : off+slotSize]
}

// send transmits packets on a queue pair, each with the header that says what is missing, and kicks if wanted.
func (g *guest) send(pair int, o *frame.Offload, packets ...[]byte) {
	g.t.Helper()
	r := g.rings[2*pair+1]
	for _, p := range packets {
		var h [nethdr.Size]byte
		nethdr.Put(&h, o, 0)
		g.sendRaw(r, append(h[:g.header:g.header], p...))
	}
	r.Publish()
	g.kick(r)
}

// sendRaw adds a chain that holds data, header included, cut as the guest's shape says.
func (g *guest) sendRaw(r *guestRing, data []byte) {
	g.t.Helper()
	g.reap(r)
	var chain []driver.Buffer
	for first := true; len(data) > 0; first = false {
		n := min(len(data), slotSize)
		if g.shape.split > 0 && first {
			n = min(n, g.shape.split)
		}
		_, b, mem := g.buffer(n)
		copy(mem, data[:n])
		chain = append(chain, b)
		data = data[n:]
	}
	if !r.Add(0, chain, nil) {
		g.t.Fatal("the guest's ring is full")
	}
}

// reap takes back what the port has done with.
func (g *guest) reap(r *guestRing) []driver.Done {
	done := make([]driver.Done, 256)
	return done[:r.Reap(done)]
}

func (g *guest) kick(r *guestRing) {
	if r.driverHalf.Kick() {
		unix.Write(r.kick, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// offer gives the port n buffers of size bytes for packets.
func (g *guest) offer(pair, n, size int) {
	g.t.Helper()
	r := g.rings[2*pair]
	for range n {
		slot, b, _ := g.buffer(size)
		if !r.Add(slot, nil, []driver.Buffer{b}) {
			g.t.Fatal("the guest's ring is full")
		}
	}
	r.Publish()
	g.kick(r)
}

// A packet is what a guest receives.
type packet struct {
	data    []byte
	offload frame.Offload
	buffers int
}

// receive takes what the port has put into the guest's buffers.
func (g *guest) receive(pair int) (out []packet) {
	g.t.Helper()
	done := g.reap(g.rings[2*pair])
	for i := 0; i < len(done); {
		var p packet
		whole := bytes.Clone(g.slot(done[i].Cookie)[:done[i].Written])
		h := [nethdr.Size]byte{10: 1}
		copy(h[:], whole[:g.header])
		p.data = whole[g.header:]
		p.buffers = 1
		if g.shape.features.Has(proto.MrgRxbuf) {
			p.buffers = int(binary.LittleEndian.Uint16(h[10:]))
		}
		i++
		for range p.buffers - 1 {
			if i == len(done) {
				g.t.Fatalf("a packet says %d buffers, and not all are there", p.buffers)
			}
			p.data = append(p.data, g.slot(done[i].Cookie)[:done[i].Written]...)
			i++
		}
		var ok bool
		if p.offload, _, ok = nethdr.Parse(&h, len(p.data)); !ok {
			g.t.Fatalf("a packet's header cannot be true: % x", h)
		}
		out = append(out, p)
	}
	return out
}

// number returns a packet of n bytes that differs from others.
func number(n, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + n)
	}
	copy(b, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
	binary.BigEndian.PutUint32(b[14:], uint32(n))
	return b
}

func (s shape) String() string { return fmt.Sprintf("%d pairs, %v", max(1, s.pairs), s.features) }
