package vhost

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

const iommuPage = 4096

// An iommu is the frontend's half of an IOMMU: it answers what the port asks, a page at a time. By default every page
// of the guest's memory may be read and written to.
//
// Thread-safety: all methods but start and hangUp are safe for concurrent use.
type iommu struct {
	g    *guest
	back *proto.Conn
	done chan struct{}

	mu    sync.Mutex
	asked []proto.IOTLB
	mute  bool             // nothing is answered
	perm  map[uint64]uint8 // of pages that not everything may be done with; 0: they are not mapped
}

func newIOMMU(g *guest) *iommu { return &iommu{g: g, perm: make(map[uint64]uint8)} }

// start gives the port the channel to ask by, and answers.
func (m *iommu) start() {
	m.g.t.Helper()
	back, fd, err := proto.Pair()
	if err != nil {
		m.g.t.Fatal(err)
	}
	defer unix.Close(fd)
	m.g.tell(proto.SetBackendReqFD, nil, fd)
	m.back, m.done = back, make(chan struct{})
	go func(conn *proto.Conn) {
		defer close(m.done)
		for {
			q, err := back.Receive()
			if err != nil {
				return
			}
			if update, ok := m.look(q.Payload.(proto.IOTLB)); ok {
				m.g.mu.Lock()
				_ = conn.Tell(proto.IOTLBMsg, update) // the guest may have hung up
				m.g.mu.Unlock()
			}
		}
	}(m.g.conn)
}

func (m *iommu) hangUp() {
	if m.back != nil {
		m.back.Close()
		<-m.done
		m.back = nil
	}
}

// look notes a question and finds the answer to it.
func (m *iommu) look(q proto.IOTLB) (update proto.IOTLB, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, q)
	page := q.Address &^ (iommuPage - 1)
	perm, special := m.perm[page]
	if !special {
		perm = proto.IOTLBRead | proto.IOTLBWrite
	}
	off := page - iovaBase
	if m.mute || q.Type != proto.IOTLBMiss || perm&q.Perm != q.Perm || off >= uint64(len(m.g.memory)) {
		return update, false
	}
	return m.g.page(page, userBase+off, perm), true
}

// page is an update for one page.
func (g *guest) page(addr, user uint64, perm uint8) proto.IOTLB {
	return proto.IOTLB{Address: addr, Size: min(iommuPage, uint64(len(g.memory))-(addr-iovaBase)), User: user, Perm: perm, Type: proto.IOTLBUpdate}
}

// permit changes what may be done with the page of an address, for questions to come.
func (m *iommu) permit(addr uint64, perm uint8) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.perm[addr&^(iommuPage-1)] = perm
}

func (m *iommu) setMute(mute bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mute = mute
}

// all returns all that was asked.
func (m *iommu) all() []proto.IOTLB {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

// questions returns how often the page of an address was asked about.
func (m *iommu) questions(addr uint64) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, q := range m.asked {
		if q.Address&^(iommuPage-1) == addr&^(iommuPage-1) {
			n++
		}
	}
	return n
}

// unmap takes addresses back. When it returns the port does not use them any more.
func (g *guest) unmap(addr, size uint64) {
	g.t.Helper()
	g.tell(proto.IOTLBMsg, proto.IOTLB{Address: addr, Size: size, Type: proto.IOTLBInvalidate})
}

// iommuShapes are guests behind an IOMMU, of every kind of rings.
func iommuShapes() map[string]shape {
	const f = common | proto.AccessPlatform
	return map[string]shape{
		"split":                      {features: f},
		"split, event index, merged": {features: f | proto.EventIdx | proto.MrgRxbuf},
		"split, indirect":            {features: f | proto.IndirectDesc, split: 12},
		"packed":                     {features: f | proto.RingPacked},
		"packed, in order":           {features: f | proto.RingPacked | proto.InOrder},
		"packed, indirect":           {features: f | proto.RingPacked | proto.IndirectDesc, split: 12},
	}
}

func TestPacketsPassThroughAnIOMMU(t *testing.T) {
	for name, s := range iommuShapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			for i := range 20 {
				b.pass(i, 3)
			}
			asked := b.g.iommu.all()
			slices.SortFunc(asked, func(x, y proto.IOTLB) int { return int(x.Address-y.Address)*4 + int(x.Perm) - int(y.Perm) })
			for i := 1; i < len(asked); i++ {
				if asked[i] == asked[i-1] {
					t.Errorf("asked twice: %+v", asked[i])
				}
			}
			// The port may be about to ask for more.
			if n := b.count("iotlb_misses"); n < uint64(len(asked)) {
				t.Errorf("%d questions are counted, %d were asked", n, len(asked))
			}
			if n := b.countAny("fault_"); n > 0 {
				t.Errorf("%d faults: %s", n, b.log)
			}
		})
	}
}

// What was taken back is out of reach when the port says so, whatever was in the guest's ring then.
func TestAnInvalidationHoldsWhenItIsAcknowledged(t *testing.T) {
	for name, s := range iommuShapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			b.pass(0, 3)
			g := b.g
			g.iommu.setMute(true)
			for _, range_ := range [][2]uint64{{g.base + uint64(len(g.rings))*ringRoom, slots * slotStep}, {0, math.MaxUint64}, {0, 0}} {
				g.unmap(range_[0], range_[1])
				g.send(0, nil, number(1, 200))
				if n := b.poll(0); n > 0 {
					t.Fatalf("%d packets are read from where the port may not look any more", n)
				}
			}
			g.iommu.setMute(false)
			// What was asked meanwhile nobody answered; the frontend takes it back once more, so that it is asked again.
			g.unmap(0, math.MaxUint64)
			if got := b.recv(0, 3); len(got) != 3 {
				t.Errorf("%d packets, want 3", len(got))
			}
			b.pass(5, 3)
		})
	}
}

// The guest's kernel gives a page to somebody else: what the driver had there, the port must neither read nor write.
func TestAPageThatGoesElsewhereIsNotTouchedWhereItWas(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	g := b.g
	b.pass(0, 3)
	g.offer(0, 1, 2048)
	next := (g.next - 1) % slots
	off := uint64(len(g.rings)*ringRoom) + uint64(next)*slotStep
	for at := off &^ (iommuPage - 1); at < off+2048; at += iommuPage {
		g.iommu.permit(g.base+at, 0)
		g.unmap(g.base+at, iommuPage)
	}
	for i := range g.slot(next) {
		g.slot(next)[i] = 0xa5
	}
	for range 50 {
		b.send(0, number(2, 100))
	}
	for i, v := range g.slot(next)[:2048] {
		if v != 0xa5 {
			t.Fatalf("byte %d of the page is written to", i)
		}
	}
	if b.count("tx_untranslated") == 0 {
		t.Error("no packet is counted as dropped for want of a translation")
	}
}

// A page that may only be read is no place for packets.
func TestBuffersThatMayNotBeWrittenToAreNot(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	g := b.g
	off := uint64(len(g.rings) * ringRoom)
	for at := off &^ (iommuPage - 1); at < off+2*iommuPage; at += iommuPage {
		g.iommu.permit(g.base+at, proto.IOTLBRead)
		g.tell(proto.IOTLBMsg, g.page(g.base+at, userBase+at, proto.IOTLBRead))
	}
	g.offer(0, 1, 2048)
	for range 20 {
		if n := b.send(0, number(1, 100)); n > 0 {
			t.Fatal("a packet is written to memory that may be read only")
		}
	}
	eventually(t, "the port asks for more", func() bool { return g.iommu.questions(g.base+off) > 0 })
	b.want("tx_untranslated", 20)
	g.send(0, nil, number(7, 60)) // in the same slots, to be read
	same(t, b.recv(0, 1), [][]byte{number(7, 60)})
}

// A worker does not spin for a frontend that gives no answer, and is woken by one.
func TestAWorkerSleepsWhileTheFrontendThinks(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	g := b.g
	g.iommu.setMute(true)
	g.send(0, nil, number(1, 60))
	off := uint64(len(g.rings) * ringRoom)
	eventually(t, "the port asks", func() bool { b.poll(0); return g.iommu.questions(g.base+off) > 0 })
	for range 3 {
		b.poll(0)
		if b.p.rx[0].Arm() {
			t.Error("there is nothing to do, and the worker may not sleep")
		}
	}
	if n := g.iommu.questions(g.base + off); n != 1 {
		t.Errorf("asked %d times", n)
	}
	for at := off &^ (iommuPage - 1); at < off+iommuPage; at += iommuPage {
		g.tell(proto.IOTLBMsg, g.page(g.base+at, userBase+at, proto.IOTLBRead))
	}
	fd := []unix.PollFd{{Fd: int32(b.p.rx[0].FD()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fd, 20_000); n != 1 {
		t.Errorf("nobody wakes the worker: %v", err)
	}
	same(t, b.recv(0, 1), [][]byte{number(1, 60)})
}

// A ring whose own page is taken back stops, and goes on where it was when the page is there again.
func TestARingThatIsTakenBackGoesOnWhenItReturns(t *testing.T) {
	for name, s := range iommuShapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			b.pass(0, 3)
			for i := range b.g.rings {
				b.g.iommu.setMute(true)
				b.g.unmap(b.g.address(i).Used, 8)
				eventually(t, "the ring has stopped", func() bool { return b.g.iommu.questions(b.g.address(i).Used) > 1 })
				b.g.iommu.setMute(false)
				b.g.unmap(b.g.address(i).Used, 8)
				b.up()
				b.pass(i, 3)
			}
			b.want("sessions", 1)
		})
	}
}

// Memory that is replaced takes what was known of it along.
func TestTranslationsGoWithTheMemoryTheyAreOf(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	b.pass(0, 3)
	before := b.count("iotlb_misses")
	b.g.tell(proto.SetMemTable, proto.MemTable{b.g.region()}, int(b.g.file.Fd()))
	b.up()
	b.pass(1, 3)
	if now := b.count("iotlb_misses"); now < before+3 {
		t.Errorf("%d questions before the memory was replaced, %d after", before, now)
	}
}

// The log of a migration is about the guest's memory, whatever a device calls it.
func TestPagesWrittenThroughAnIOMMUAreLoggedByTheirGuestAddress(t *testing.T) {
	for _, layout := range []proto.Features{0, proto.RingPacked} {
		b := connected(t, shape{features: common | proto.AccessPlatform | proto.LogAll | layout})
		l := b.g.startLog()
		b.up()
		slot := b.g.next + 1 // behind the one that is sent from
		b.pass(0, 1)
		off := uint64(len(b.g.rings)*ringRoom) + uint64(slot)*slotStep
		marked := func(off uint64) bool {
			page := (guestBase + off) / mem.LogPage
			return l.bits[page/8]>>(page%8)&1 != 0
		}
		used := b.g.rings[0].base
		if layout == 0 {
			used += uint64(b.g.rings[0].layout.Device)
		}
		if !marked(off) || !marked(used) {
			t.Errorf("rings %v: the buffer is logged: %v, the ring: %v", layout, marked(off), marked(used))
		}
	}
}

// What nobody can mean is refused, and nothing comes of it.
func TestImpossibleTranslationsAreRefused(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	g := b.g
	whole := uint64(len(g.memory))
	for name, v := range map[string]proto.IOTLB{
		"of no bytes":                      {Address: g.base, User: userBase},
		"whose addresses wrap around":      {Address: math.MaxUint64 - 4095, Size: 8192, User: userBase},
		"of all addresses":                 {Address: 0, Size: math.MaxUint64 &^ 7, User: userBase},
		"whose user addresses wrap around": {Address: 0, Size: math.MaxUint64 &^ 4095, User: userBase + 4096},
		"longer than the memory":           {Address: g.base, Size: whole + 4096, User: userBase},
		"to before the memory":             {Address: g.base, Size: 8192, User: userBase - 4096},
		"to behind the memory":             {Address: g.base, Size: 4096, User: userBase + whole},
		"to nowhere":                       {Address: g.base, Size: 4096, User: 0},
		"of words cut in half":             {Address: g.base + 4, Size: 4096, User: userBase},
		"to words cut in half":             {Address: g.base, Size: 4096, User: userBase + 2},
	} {
		v.Type, v.Perm = proto.IOTLBUpdate, proto.IOTLBRead|proto.IOTLBWrite
		g.mu.Lock()
		err := g.conn.Tell(proto.IOTLBMsg, v)
		g.mu.Unlock()
		if !errors.Is(err, proto.ErrRefused) {
			t.Errorf("a translation %s: %v", name, err)
		}
		b.pass(1, 2)
	}
	b.want("sessions", 1)
}

// Translations over each other: the last one counts, and what it replaced is asked for again.
func TestOverlappingTranslationsReplaceEachOther(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	g := b.g
	b.pass(0, 2)
	whole := uint64(len(g.memory)) &^ (iommuPage - 1)
	everything := proto.IOTLB{Address: iovaBase, Size: whole, User: userBase, Perm: 3, Type: proto.IOTLBUpdate}
	for i := range 8 {
		g.tell(proto.IOTLBMsg, everything)
		at := uint64(len(g.rings)*ringRoom) + uint64(i)*slotStep&^7
		g.tell(proto.IOTLBMsg, proto.IOTLB{Address: iovaBase + at, Size: whole - at, User: userBase + at, Perm: 3, Type: proto.IOTLBUpdate})
		b.pass(i, 3)
		g.tell(proto.IOTLBMsg, proto.IOTLB{Address: iovaBase + at - 8, Size: 16, User: userBase + at - 8, Perm: 1, Type: proto.IOTLBUpdate})
		g.tell(proto.IOTLBMsg, everything)
		b.up()
		b.pass(i, 3)
	}
	b.want("sessions", 1)
}

// TestInvalidationUnderTraffic takes addresses back, all or a few, rings among them, while a worker sends packets round:
// none is lost or comes twice, and nothing is read or written by what is not known any more.
func TestInvalidationUnderTraffic(t *testing.T) {
	for name, s := range iommuShapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			round := b.goRound()
			rounds := 60
			if testing.Short() {
				rounds = 20
			}
			for i := range rounds {
				before := round.back.Load()
				switch i % 4 {
				case 0:
					b.g.unmap(0, math.MaxUint64)
				case 1:
					for j := range uint64(64) {
						b.g.unmap(iovaBase+(uint64(i)*7919+j*97)%uint64(len(b.g.memory)/iommuPage)*iommuPage, iommuPage)
					}
				case 2:
					b.g.unmap(b.g.address(i/4%2).Used, 4)
				case 3:
					b.g.tell(proto.IOTLBMsg, proto.IOTLB{Address: iovaBase, Size: uint64(len(b.g.memory)) &^ 4095, User: userBase, Perm: 3, Type: proto.IOTLBUpdate})
				}
				eventually(t, "packets go round again", func() bool { return round.back.Load() > before })
			}
			round.stop()
			b.want("sessions", 1)
		})
	}
}

// A frontend that replaces the channel on which it is asked, while a question is on its way by the old one, has done nothing wrong.
func TestAChannelThatIsReplacedWhileItIsUsedEndsNothing(t *testing.T) {
	b := newBench(t, shape{features: common}, nil)
	b.g.meet()
	var theirs []*proto.Conn
	a := newAsker(b.p)
	start := func() *proto.Conn {
		c, fd, err := proto.Pair()
		if err != nil {
			t.Fatal(err)
		}
		ours, err := proto.BackendConnOf(fd, new(proto.Bin))
		if err != nil {
			t.Fatal(err)
		}
		theirs = append(theirs, c)
		a.start(ours)
		return ours
	}
	asking := func(i uint64) { a.want(a.rings[1], virtq.Miss{Addr: 1<<40 + i*askPage, Want: 1}) }
	old := start()
	// Until nothing more goes into the channel, and the asker waits for room.
	for i, at := uint64(0), time.Now(); time.Since(at) < 50*time.Millisecond || a.left() == 0; i++ {
		before := a.left()
		asking(i)
		time.Sleep(50 * time.Microsecond)
		if a.left() != before {
			at = time.Now()
		}
	}
	fresh := start()
	old.Close()
	asking(1 << 30)
	if _, err := theirs[1].ReceiveBy(time.Now().Add(10 * time.Second)); err != nil {
		t.Errorf("nothing is asked by the new channel: %v", err)
	}
	select {
	case err := <-b.p.faults:
		t.Errorf("the session ends: %v", err)
	default:
	}
	fresh.Close()
	a.stop()
	for _, c := range theirs {
		c.Close()
	}
}

// left returns how many questions have been put.
func (a *asker) left() uint64 {
	a.port.state.mu.Lock()
	defer a.port.state.mu.Unlock()
	return a.port.state.misses
}
