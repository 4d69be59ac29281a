package vhost

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/vhost/proto"
)

// pass sends packets both ways.
func (b *bench) pass(first, n int) {
	b.t.Helper()
	var want [][]byte
	for i := range n {
		want = append(want, number(first+i, 100+i))
	}
	b.g.send(0, nil, want...)
	same(b.t, b.recv(0, n), want)
	b.g.offer(0, n, 2048)
	if b.g.iommu != nil {
		b.insist(want)
	} else if sent := b.send(0, want...); sent != n {
		b.t.Fatalf("%d of %d packets were taken", sent, n)
	}
	var got [][]byte
	for _, p := range b.g.receive(0) {
		got = append(got, p.data)
	}
	same(b.t, got, want)
}

// insist sends packets to a guest behind an IOMMU, each again while its buffer's address is being asked for.
func (b *bench) insist(packets [][]byte) {
	b.t.Helper()
	for _, p := range packets {
		eventually(b.t, "a packet is taken", func() bool { return b.send(0, p) == 1 })
	}
}

// note returns what the port says about key.
func (b *bench) note(key string) pmd.Note {
	for _, n := range b.p.Info().Notes {
		if n.Key == key {
			return n
		}
	}
	return pmd.Note{}
}

func TestAFrontendMayRestart(t *testing.T) {
	for name, s := range map[string]shape{
		"one that listens": {features: common}, "one that connects": {features: common, server: true},
		"with packed rings": {features: common | proto.RingPacked},
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			fd := b.p.rx[0].FD()
			for round := range 3 {
				b.pass(round, 5)
				b.g.hangUp()
				b.down()
				if n := b.send(0, number(1, 60)); n != 0 {
					t.Error("a packet was taken for a guest that has gone")
				}
				for _, r := range b.g.rings {
					b.g.resetRing(r)
				}
				b.g.connect()
				b.up()
			}
			b.pass(9, 5)
			b.want("sessions", 4)
			b.want("tx_no_guest", 3)
			if b.p.rx[0].FD() != fd {
				t.Error("the descriptor to sleep on is another one")
			}
		})
	}
}

func TestASwitchMayRestart(t *testing.T) {
	for name, s := range map[string]shape{
		"split rings": {features: common}, "packed rings": {features: common | proto.RingPacked},
		"listening": {features: common, server: true}, "split rings in order": {features: common | proto.InOrder},
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			b.pass(0, 5)
			// The guest goes on while there is no switch. What it has sent is there when the next one comes.
			var bases [2]uint32
			for i := range bases {
				bases[i] = b.base(i)
			}
			b.g.offer(0, 3, 2048)
			want := [][]byte{number(7, 70), number(8, 80)}
			b.g.send(0, nil, want...)
			if err := b.p.Close(); err != nil {
				t.Fatal(err)
			}
			b.g.hangUp()
			p, err := Open("p1", b.p.o)
			if err != nil {
				t.Fatal(err)
			}
			b.p = p
			b.g.meet()
			b.g.negotiate()
			b.g.tell(proto.SetMemTable, proto.MemTable{b.g.region()}, int(b.g.file.Fd()))
			for i := range bases {
				b.g.startRing(i, bases[i])
			}
			b.up()
			same(t, b.recv(0, 2), want)
			if n := b.send(0, want...); n != 2 {
				t.Errorf("%d packets were taken, want 2", n)
			}
			if got := b.g.receive(0); len(got) != 2 {
				t.Errorf("the guest got %d packets, want 2", len(got))
			}
			b.pass(20, 5)
		})
	}
}

// base asks where a ring is, which stops it.
func (b *bench) base(i int) uint32 {
	b.t.Helper()
	m, err := b.g.conn.Ask(proto.GetVringBase, proto.VringState{Index: uint32(i)})
	if err != nil {
		b.t.Fatal(err)
	}
	defer m.Close()
	return m.Payload.(proto.VringState).Num
}

func TestAPortWaitsForItsGuest(t *testing.T) {
	b := newBench(t, shape{features: common}, func(o *Options) { o.Path += ".later" })
	eventually(t, "the port says that nobody is there", func() bool {
		return strings.Contains(b.note("frontend").Reason, "no such file")
	})
	var err error
	b.g.listen.Close()
	if b.g.listen, err = net.ListenUnix("unix", &net.UnixAddr{Name: b.g.path + ".later", Net: "unix"}); err != nil {
		t.Fatal(err)
	}
	b.g.connect()
	b.up()
	b.pass(0, 3)
	if got := b.note("rings").Value; got != "2, split" {
		t.Errorf("rings: %q", got)
	}
}

func TestASocketLeftBehindIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newWay(Options{Path: path, Server: true}); err == nil {
		t.Error("a socket that somebody listens on was taken")
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	w, err := newWay(Options{Path: path, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	w.close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newWay(Options{Path: path, Server: true}); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

func TestARingIsStoppedAndGoesOnWhereItWas(t *testing.T) {
	for name, s := range shapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			for round := range 3 {
				b.pass(round*10, 5)
				for i := range b.g.rings {
					base := b.base(i)
					if !s.features.Has(proto.RingPacked) && base != uint32(5*(round+1)) {
						t.Errorf("ring %d is at %d, want %d", i, base, 5*(round+1))
					}
					b.g.startRing(i, base)
				}
			}
			b.pass(40, 5)
		})
	}
}

func TestAGuestDisablesQueues(t *testing.T) {
	b := connected(t, shape{features: common})
	b.pass(0, 3)
	for i := range b.g.rings {
		b.g.tell(proto.SetVringEnable, proto.VringState{Index: uint32(i)})
	}
	if b.p.LinkUp() {
		t.Error("the link is up, and nobody receives")
	}
	if n := b.note("frontend"); n.Value != "connected" || n.Reason == "" {
		t.Errorf("the port says %+v of a guest that is connected and not ready", n)
	}
	b.g.offer(0, 1, 2048)
	b.send(0, number(1, 60))
	b.want("tx_no_guest", 1)
	// What the guest sends nevertheless is taken, and goes nowhere.
	b.g.send(0, nil, number(1, 60), number(2, 60))
	eventually(t, "the packets are thrown away", func() bool { b.poll(0); return b.count("rx_disabled") == 2 })
	b.want("rx_packets", 3)
	for i := range b.g.rings {
		b.g.tell(proto.SetVringEnable, proto.VringState{Index: uint32(i), Num: 1})
	}
	b.g.send(0, nil, number(3, 60))
	same(t, b.recv(0, 1), [][]byte{number(3, 60)})
}

func TestAGuestUsesFewerQueuesThanThePortHas(t *testing.T) {
	b := newBench(t, shape{features: common | proto.MQ, pairs: 2}, func(o *Options) { o.Queues = 4 })
	b.g.connect()
	b.up()
	if n, err := b.g.conn.AskNumber(proto.GetQueueNum); err != nil || n != 4 {
		t.Errorf("%d queue pairs, %v; want 4", n, err)
	}
	for queue, pair := range []int{0, 1, 0, 1} {
		b.g.offer(pair, 1, 2048)
		want := number(queue, 60)
		if n := b.send(queue, want); n != 1 {
			t.Fatalf("queue %d took %d packets", queue, n)
		}
		if got := b.g.receive(pair); len(got) != 1 || string(got[0].data) != string(want) {
			t.Errorf("what queue %d sent is not in pair %d", queue, pair)
		}
	}
	b.g.send(1, nil, number(5, 60))
	same(t, b.recv(1, 1), [][]byte{number(5, 60)})
	// Only the second pair is left: all queues use it.
	b.g.tell(proto.SetVringEnable, proto.VringState{Index: 0})
	b.g.offer(1, 4, 2048)
	for queue := range 4 {
		b.send(queue, number(queue, 60))
	}
	if got := b.g.receive(1); len(got) != 4 {
		t.Errorf("%d packets in the pair that is left, want 4", len(got))
	}
}

func TestMemoryComesAndGoesUnderTraffic(t *testing.T) {
	b := connected(t, shape{features: common})
	for i := range 20 {
		b.pass(i, 3)
		switch i % 4 {
		case 0:
			b.g.tell(proto.SetMemTable, proto.MemTable{b.g.region()}, int(b.g.file.Fd()))
		case 1: // memory that the rings are not in
			b.g.tell(proto.AddMemReg, proto.Region{Guest: 1 << 40, User: 1 << 45, Size: 4096}, int(b.g.file.Fd()))
		case 2:
			b.g.tell(proto.RemMemReg, proto.Region{Guest: 1 << 40, User: 1 << 45, Size: 4096})
		case 3: // all of it: the rings wait
			b.g.tell(proto.RemMemReg, b.g.region())
			b.down()
			if n := b.poll(0); n != 0 {
				t.Error("packets out of memory that is gone")
			}
			b.g.tell(proto.AddMemReg, b.g.region(), int(b.g.file.Fd()))
			b.up()
		}
	}
	if n, err := b.g.conn.AskNumber(proto.GetMaxMemSlots); err != nil || n < 32 {
		t.Errorf("%d regions, %v", n, err)
	}
}

// QEMU before 8.1 adds each region of memory, and takes it away, once for each queue pair.
func TestMemoryMayBeAnnouncedForEachQueuePair(t *testing.T) {
	b := newBench(t, shape{features: common | proto.MQ, pairs: 2}, nil)
	b.g.connect()
	b.up()
	more := proto.Region{Guest: 1 << 40, User: 1 << 45, Size: 4096}
	for i := range 3 {
		for range 2 {
			b.g.tell(proto.AddMemReg, b.g.region(), int(b.g.file.Fd()))
			b.g.tell(proto.AddMemReg, more, int(b.g.file.Fd()))
		}
		b.pass(i, 3)
		for range 2 {
			b.g.tell(proto.RemMemReg, more)
		}
		b.pass(i, 3)
	}
	b.want("sessions", 1)
	other := more
	other.Size *= 2
	b.g.tell(proto.AddMemReg, more, int(b.g.file.Fd()))
	b.insult(proto.AddMemReg, other, int(b.g.file.Fd())) // which is not the same
	b.down()
}

func TestAGuestIsReset(t *testing.T) {
	b := connected(t, shape{features: common})
	for name, reset := range map[string]func(){
		"by RESET_DEVICE": func() { b.g.tell(proto.ResetDevice, nil) },
		"by its status":   func() { b.g.tell(proto.SetStatus, proto.U64(0)) },
		"by RESET_OWNER":  func() { b.g.tell(proto.ResetOwner, nil) },
	} {
		b.pass(0, 3)
		b.g.tell(proto.SetStatus, proto.U64(0xf))
		if n, err := b.g.conn.AskNumber(proto.GetStatus); err != nil || n != 0xf {
			t.Errorf("status %#x, %v", n, err)
		}
		reset()
		if b.p.LinkUp() {
			t.Errorf("%s: the link is still up", name)
		}
		for _, r := range b.g.rings {
			b.g.resetRing(r)
		}
		b.g.tell(proto.SetFeatures, proto.U64(b.g.shape.features))
		for i := range b.g.rings {
			b.g.startRing(i, b.g.start())
		}
	}
	b.pass(0, 3)
}

func TestWhatCannotBeIsRefusedAndTheSessionGoesOn(t *testing.T) {
	b := connected(t, shape{features: common})
	for _, m := range []struct {
		r proto.Request
		p proto.Payload
	}{
		{proto.NetSetMTU, proto.U64(9000)}, {proto.NetSetMTU, proto.U64(10)},
		{proto.SetFeatures, proto.U64(proto.HostUFO | common)}, {proto.SetProtocolFeatures, proto.U64(1 << 60)},
		{proto.SetStatus, proto.U64(256)},
	} {
		if err := b.g.conn.Tell(m.r, m.p); err == nil {
			t.Errorf("%v %v is welcome", m.r, m.p)
		}
	}
	b.g.tell(proto.NetSetMTU, proto.U64(1400))
	b.pass(0, 3)
	b.want("sessions", 1)
}

func TestAGuestThatHasMovedIsAnnounced(t *testing.T) {
	b := connected(t, shape{features: common})
	mac := proto.MAC{2, 0, 0, 0, 0, 9}
	b.g.tell(proto.SendRARP, mac)
	got := b.recv(0, 1)
	if p := got[0]; len(p) != 60 || string(p[6:12]) != string(mac[:]) || p[0] != 0xff || p[12] != 0x80 || p[13] != 0x35 || p[21] != 3 {
		t.Errorf("got % x", got[0])
	}
	b.pass(0, 3)
}

func TestClosingEndsEverything(t *testing.T) {
	b := connected(t, shape{features: common})
	b.g.send(0, nil, number(1, 60))
	done := make(chan error)
	go func() { done <- b.p.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the port does not close")
	}
	if _, err := b.g.conn.AskNumber(proto.GetFeatures); err == nil {
		t.Error("somebody answers for a port that is closed")
	}
}
