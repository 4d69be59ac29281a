package vhost

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
)

// A dirtyLog is the bitmap that a frontend hands out while it moves its guest.
type dirtyLog struct {
	file *os.File
	bits []byte
}

// startLog does what QEMU does when a migration begins: the log, then the features, then the rings' addresses again,
// all while packets flow.
func (g *guest) startLog() *dirtyLog {
	g.t.Helper()
	fd, err := unix.MemfdCreate("guest-log", unix.MFD_CLOEXEC)
	if err != nil {
		g.t.Fatal(err)
	}
	l := &dirtyLog{file: os.NewFile(uintptr(fd), "guest-log")}
	g.t.Cleanup(func() { unix.Munmap(l.bits); l.file.Close() })
	size := (guestBase+len(g.memory))/mem.LogPage/8 + 8
	size = (size + 4095) &^ 4095
	if err := l.file.Truncate(int64(size)); err != nil {
		g.t.Fatal(err)
	}
	if l.bits, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	m, err := g.conn.Ask(proto.SetLogBase, proto.Log{Size: uint64(size)}, fd)
	g.mu.Unlock()
	if err != nil {
		g.t.Fatal(err)
	}
	m.Close()
	g.setLogging(true)
	return l
}

// setLogging turns logging on or off. For the log QEMU sends the used ring's address as the guest has it: the device area's
// of a packed ring, and an I/O virtual one behind an IOMMU.
func (g *guest) setLogging(on bool) {
	g.t.Helper()
	f := g.shape.features
	if on {
		f |= proto.LogAll
	}
	g.tell(proto.SetFeatures, proto.U64(f))
	for i, r := range g.rings {
		a := g.address(i)
		if on {
			a.Flags, a.Log = proto.VringLog, g.base+r.base+uint64(r.layout.Device)
		}
		g.tell(proto.SetVringAddr, a)
	}
}

// marked reports whether the page of an offset in the guest's memory is noted, and forgets it.
func (l *dirtyLog) marked(off uint64) bool {
	page := (guestBase + off) / mem.LogPage
	was := l.bits[page/8]>>(page%8)&1 != 0
	l.bits[page/8] &^= 1 << (page % 8)
	return was
}

// rest returns how many pages are noted that nobody asked about.
func (l *dirtyLog) rest() (n int) {
	for i := range l.bits {
		for b := l.bits[i]; b != 0; b &= b - 1 {
			n++
		}
	}
	return n
}

func TestWhatIsWrittenWhileAGuestMovesIsNoted(t *testing.T) {
	for name, s := range map[string]shape{
		"split": {features: common}, "packed": {features: common | proto.RingPacked}, "merged": {features: common | proto.MrgRxbuf},
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			b.pass(0, 3)
			l := b.g.startLog()
			b.up()
			clear(l.bits) // setting the rings up again writes to them
			// A packet for the guest: its buffer, and the ring that gives it back. The buffer is in two pages.
			first := b.g.next
			b.g.offer(0, 1, 2048)
			if n := b.send(0, number(1, 1500)); n != 1 {
				t.Fatal("not sent")
			}
			at := uint64(len(b.g.rings)*ringRoom) + uint64(first%slots)*slotStep
			if !l.marked(at) || (at+1511)/mem.LogPage != at/mem.LogPage && !l.marked(at+1511) {
				t.Error("the buffer is not noted")
			}
			ring := b.g.rings[0]
			used := ring.base + uint64(ring.layout.Device)
			if s.features.Has(proto.RingPacked) {
				used = ring.base
			}
			if !l.marked(used) {
				t.Error("the used ring is not noted")
			}
			if n := l.rest(); n != 0 {
				t.Errorf("%d pages are noted that were not written to", n)
			}
			// A packet from the guest: the used ring alone.
			b.g.send(0, nil, number(2, 1000))
			b.recv(0, 1)
			ring = b.g.rings[1]
			used = ring.base + uint64(ring.layout.Device)
			if s.features.Has(proto.RingPacked) {
				used = ring.base
			}
			if !l.marked(used) {
				t.Error("the used ring of what the guest sent is not noted")
			}
			if n := l.rest(); n != 0 {
				t.Errorf("%d pages are noted that were not written to", n)
			}
			b.g.receive(0)
			b.want("migrations", 1)
			// The migration is over, or was given up.
			b.g.setLogging(false)
			b.up()
			clear(l.bits)
			b.pass(10, 3)
			if n := l.rest(); n != 0 {
				t.Errorf("%d pages are noted after the end", n)
			}
		})
	}
}

func TestALogThatIsCutShortEndsTheSession(t *testing.T) {
	b := connected(t, shape{features: common})
	l := b.g.startLog()
	b.up()
	if err := l.file.Truncate(0); err != nil {
		t.Fatal(err)
	}
	b.g.send(0, nil, number(1, 60))
	eventually(t, "the port has gone down", func() bool { b.poll(0); return !b.p.LinkUp() })
	eventually(t, "the log says why", func() bool { return b.log.has("the log of dirty pages is gone") })
	b.g.behave()
	b.up()
	b.pass(0, 3)
}

// Logs take addresses of the process, as memory does: where these end a log is refused, and its session with it.
func TestALogHasAddressesLikeMemory(t *testing.T) {
	space := new(mem.Space)
	b := newBench(t, shape{features: common}, func(o *Options) { o.space = space })
	fd := b.hugeFile(mem.MaxGuest)
	left := uint64(mem.SpaceBytes - len(b.g.memory) - mem.LogPage)
	for left > 0 {
		m, err := space.Map(fd, mem.Region{Size: min(left, mem.MaxGuest)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
		left -= uint64(len(m.Bytes()))
	}
	b.g.connect()
	b.up()
	b.unanswered(proto.SetLogBase, proto.Log{Size: 1 << 20}, b.hugeFile(1<<20))
	eventually(t, "the log says why", func() bool { return b.log.has("log of 0x100000 bytes: guests have") })
}
