package vhost

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// Each test here is one thing that a guest, or the frontend that speaks for it, may try. What has to become of it is
// always the same: its port goes down and says why, in the log and in a counter; no frame, descriptor or mapping
// is left behind; a neighbour notices nothing; and the port comes back for a guest that behaves.

func TestAHostileGuestHarmsItselfAlone(t *testing.T) {
	neighbour := connected(t, shape{features: common})
	var all []attack
	all = append(all, ringAttacks()...)
	all = append(all, packedAttacks()...)
	all = append(all, messageAttacks()...)
	all = append(all, memoryAttacks()...)
	all = append(all, knownAttacks()...)
	for i, a := range all {
		t.Run(a.name, func(t *testing.T) { a.harmsItself(t, i, neighbour) })
	}
}

// harmsItself tries the attack, number i, and sees to what becomes of it.
func (a *attack) harmsItself(t *testing.T, i int, neighbour *bench) {
	b := connected(t, a.shape)
	neighbour.pass(i, 2)
	a.do(b)
	eventually(t, "the port has gone down", func() bool {
		b.poll(0)
		neighbour.pass(i, 1) // by the same worker, meanwhile
		return !b.p.LinkUp()
	})
	eventually(t, "the fault is counted", func() bool { return b.countAny("fault_") > 0 })
	if n := b.countAny("fault_"); n != 1 {
		t.Errorf("%d faults, want 1", n)
	}
	if n := faults(b, a.fault); n == 0 {
		t.Errorf("%s is not counted; the log says:\n%s", a.fault, b.log)
	}
	eventually(t, "the log says "+a.log, func() bool { return b.log.has(a.log) })
	if b.note("last fault").Value == "" {
		t.Error("nothing is said of the fault")
	}
	neighbour.pass(i, 2)
	b.g.behave()
	b.up()
	b.pass(i, 3)
	b.want("rx_packets", b.got)
}

// faults returns how often a fault was counted: misaligned rings are told by a message, and count for the ring.
func faults(b *bench, name string) uint64 {
	if n := b.count(name); n > 0 {
		return n
	}
	return b.count("fault_ring_misaligned")
}

// countAny sums the counters whose names begin like that.
func (b *bench) countAny(prefix string) (n uint64) {
	for _, s := range b.p.Samples(nil) {
		if len(s.Name) > len(prefix) && s.Name[:len(prefix)] == prefix {
			n += s.Value
		}
	}
	return n
}

// behave makes the guest one that nothing is wrong with, and connects it again.
func (g *guest) behave() {
	g.t.Helper()
	g.hangUp()
	if err := g.file.Truncate(fileBase + int64(len(g.memory))); err != nil {
		g.t.Fatal(err)
	}
	for _, r := range g.rings {
		g.resetRing(r)
	}
	g.connect()
}

func TestWhatAHostileGuestSendsToTheGuestsRingEndsTheSessionToo(t *testing.T) {
	for name, do := range map[string]func(b *bench){
		"buffers outside of memory": func(b *bench) {
			b.g.putDescs(b.g.rings[0].base, raw{1, 2048, isWrite, 0})
			b.g.putAvail(b.g.rings[0], 1, 0)
		},
		"buffers shorter than the header": func(b *bench) {
			addr, _ := b.g.data()
			b.g.putDescs(b.g.rings[0].base, raw{addr, 8, isWrite, 0})
			b.g.putAvail(b.g.rings[0], 1, 0)
		},
		"buffers shorter than the header, behind good ones": func(b *bench) {
			addr, _ := b.g.data()
			b.g.putDescs(b.g.rings[0].base, raw{addr, 2048, isWrite, 0}, raw{addr, 8, isWrite, 0})
			b.g.putAvail(b.g.rings[0], 2, 0, 1)
		},
		"buffers that cannot be written to": func(b *bench) {
			addr, _ := b.g.data()
			b.g.putDescs(b.g.rings[0].base, raw{addr, 2048, 0, 0})
			b.g.putAvail(b.g.rings[0], 1, 0)
		},
		"buffers whose memory is gone": func(b *bench) {
			addr, _ := b.g.data()
			b.g.putDescs(b.g.rings[0].base, raw{addr + 512*slotStep, 2048, isWrite, 0})
			b.g.putAvail(b.g.rings[0], 1, 0)
			if err := b.g.file.Truncate(fileBase + 3*ringRoom); err != nil {
				b.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, shape{features: common})
			do(b)
			packets := [][]byte{number(1, 100), number(2, 100), number(3, 2000)}
			if n := b.send(0, packets...); n != 0 {
				t.Errorf("%d packets were taken", n)
			}
			b.down()
			b.want("tx_packets", 0)
			if lost := b.count("tx_fault") + b.count("tx_too_long"); lost != 3 {
				t.Errorf("%d of 3 packets are accounted for", lost)
			}
			b.g.behave()
			b.up()
			b.pass(0, 3)
		})
	}
}

func TestRepeatedMessagesLeaveNothingBehind(t *testing.T) {
	b := connected(t, shape{features: common | proto.LogAll})
	before := len(openFiles(t))
	for range 20 {
		m, err := b.g.conn.Ask(proto.GetInflightFD, proto.Inflight{Queues: 2, QueueSize: 256})
		if err != nil {
			t.Fatal(err)
		}
		v, fd := m.Payload.(proto.Inflight), m.Take(0)
		m.Close()
		b.g.tell(proto.SetInflightFD, v, fd)
		unix.Close(fd)
		if m, err = b.g.conn.Ask(proto.SetLogBase, proto.Log{Size: 1 << 20}, int(b.g.file.Fd())); err != nil {
			t.Fatal(err)
		}
		m.Close()
		b.g.tell(proto.SetLogFD, nil, b.g.rings[0].call)
		for i := range b.g.rings {
			f := proto.VringFile{Index: uint8(i)}
			b.g.tell(proto.SetVringNum, proto.VringState{Index: uint32(i), Num: 256})
			b.g.tell(proto.SetVringCall, f, b.g.rings[i].call)
			b.g.tell(proto.SetVringErr, f, b.g.rings[i].call)
		}
		c, fd, err := proto.Pair()
		if err != nil {
			t.Fatal(err)
		}
		b.g.tell(proto.SetBackendReqFD, nil, fd)
		unix.Close(fd)
		c.Close()
		b.g.tell(proto.SetMemTable, proto.MemTable{b.g.region()}, int(b.g.file.Fd()))
	}
	// The last log's mapping, two error descriptors and one channel are in use.
	if now := len(openFiles(t)); now > before+3 {
		t.Errorf("%d descriptors more than before", now-before)
	}
	b.pass(0, 3)
}

func TestAGuestThatChangesPacketsWhileTheyAreReadHarmsItselfAlone(t *testing.T) {
	for _, features := range []proto.Features{common | proto.Csum | proto.HostTSO4, common | proto.Csum | proto.HostTSO4 | proto.RingPacked} {
		b := newBench(t, shape{features: features, split: 5}, nil)
		stop, done := make(chan struct{}), make(chan struct{})
		go func() { // scribbles over rings and packets alike
			defer close(done)
			for i := uint64(1); ; i = i*6364136223846793005 + 1442695040888963407 {
				select {
				case <-stop:
					return
				default:
				}
				at := i >> 33 % uint64(3*ringRoom)
				b.g.memory[at] ^= byte(i >> 20)
			}
		}()
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			b.g.hangUp()
			for _, r := range b.g.rings {
				b.g.resetRing(r)
			}
			b.g.tryConnect()
			for range 200 {
				b.g.trySend(b.g.rings[1], 100)
				b.poll(0)
			}
		}
		close(stop)
		<-done
		b.g.behave()
		b.up()
		b.pass(0, 3)
	}
}

// tryConnect is connect for a guest that may find the port unwilling.
func (g *guest) tryConnect() {
	g.t.Helper()
	g.meet()
	g.conn.SetTimeout(time.Second)
	g.tryMessages()
}

// tryMessages is what connect says, whatever comes of it.
func (g *guest) tryMessages() {
	g.conn.Tell(proto.SetFeatures, proto.U64(g.shape.features))
	g.conn.Tell(proto.SetMemTable, proto.MemTable{g.region()}, int(g.file.Fd()))
	for i, r := range g.rings {
		n := uint32(i)
		g.conn.Tell(proto.SetVringNum, proto.VringState{Index: n, Num: uint32(g.shape.size)})
		g.conn.Tell(proto.SetVringBase, proto.VringState{Index: n, Num: g.start()})
		g.conn.Tell(proto.SetVringAddr, g.address(i))
		g.conn.Tell(proto.SetVringCall, proto.VringFile{Index: uint8(i)}, r.call)
		g.conn.Tell(proto.SetVringKick, proto.VringFile{Index: uint8(i)}, r.kick)
		g.conn.Tell(proto.SetVringEnable, proto.VringState{Index: n, Num: 1})
	}
}

// trySend sends n bytes of what is in two buffers on r, unless the ring is broken or full.
func (g *guest) trySend(r *guestRing, n int) {
	_, first, _ := g.buffer(5)
	_, rest, _ := g.buffer(n)
	g.reap(r)
	r.Add(0, []driver.Buffer{first, rest}, nil)
	r.Publish()
}

func TestAFrontendThatDoesNotReadItsAnswersIsLetGo(t *testing.T) {
	b := newBench(t, shape{features: common}, func(o *Options) { o.patience = time.Second })
	b.g.connect()
	b.up()
	// Requests without end, whose answers stay in the socket.
	request := []byte{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0} // GET_FEATURES
	b.g.sock.SetWriteDeadline(time.Now().Add(30 * time.Second))
	for {
		if _, err := b.g.sock.Write(request); err != nil {
			break
		}
	}
	b.down()
	b.g.behave()
	b.up()
	b.pass(0, 3)
}

// A guest that has stopped reading, or that never gives buffers back, costs itself its packets. Its port's link goes down and
// says why, and comes back with the first buffer.
func TestGuestsThatTakeNothingLoseTheirOwnPackets(t *testing.T) {
	for name, features := range map[string]proto.Features{"split": common, "packed": common | proto.RingPacked} {
		t.Run(name, func(t *testing.T) {
			neighbour := connected(t, shape{features: features})
			b := newBench(t, shape{features: features}, func(o *Options) { o.idle = 300 * time.Millisecond })
			b.g.connect()
			b.up()
			b.g.offer(0, 2, 2048)
			if n := b.send(0, number(1, 60), number(2, 60), number(3, 60)); n != 2 {
				t.Errorf("%d packets were taken into 2 buffers", n)
			}
			b.want("tx_full", 1)
			b.down()
			if n := b.note("guest"); n.Value != "takes nothing" {
				t.Errorf("the port says of its guest: %+v", n)
			}
			eventually(t, "the log says so", func() bool { return b.log.has("the guest takes nothing") })
			b.want("guest_idle", 1)
			b.want("sessions", 1)
			neighbour.pass(0, 3)
			// What it sends is welcome all the time.
			b.g.send(0, nil, number(4, 60))
			same(t, b.recv(0, 1), [][]byte{number(4, 60)})
			if got := b.g.receive(0); len(got) != 2 {
				t.Errorf("the guest has %d packets, want 2", len(got))
			}
			b.g.offer(0, 3, 2048)
			b.up()
			if n := b.send(0, number(5, 60)); n != 1 {
				t.Error("the guest takes packets again, and gets none")
			}
			if n := b.note("guest"); n.Value != "" {
				t.Errorf("the port still says of its guest: %+v", n)
			}
			b.want("tx_full", 1)
		})
	}
}

// A guest without buffers for which there is nothing has a link.
func TestAGuestThatNobodySendsToKeepsItsLink(t *testing.T) {
	b := newBench(t, shape{features: common}, func(o *Options) { o.idle = time.Millisecond })
	b.g.connect()
	b.up()
	i := newIdleness(b.p)
	for now := range 20 {
		i.look(time.Unix(int64(now), 0))
	}
	b.want("guest_idle", 0)
}

// Whoever connects and says nothing, or only asks, keeps nobody from connecting after it.
func TestASilentFrontendDoesNotHoldTheSocketForEver(t *testing.T) {
	for name, say := range map[string]func(c net.Conn){
		"says nothing":        func(net.Conn) {},
		"stops in the middle": func(c net.Conn) { c.Write([]byte{1, 0, 0}) },
		"asks and asks": func(c net.Conn) {
			for request := []byte{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}; ; { // GET_FEATURES
				if _, err := c.Write(request); err != nil {
					return
				}
				if _, err := c.Read(make([]byte, 100)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, shape{features: common, server: true}, func(o *Options) { o.patience = 3 * time.Second })
			silent, err := net.Dial("unix", b.g.path)
			if err != nil {
				t.Fatal(err)
			}
			said := make(chan struct{})
			go func() {
				defer close(said)
				say(silent)
			}()
			b.g.connect() // behind it
			b.up()
			b.pass(0, 3)
			silent.Close()
			<-said
			if b.countAny("fault_") != 1 {
				t.Errorf("no fault is counted:\n%s", b.log)
			}
		})
	}
}

// One that has introduced itself may wait for its guest as long as it likes.
func TestAFrontendWhoseGuestIsNotThereYetMayWait(t *testing.T) {
	b := newBench(t, shape{features: common, server: true}, func(o *Options) { o.patience = 3 * time.Second })
	b.g.meet()
	b.g.negotiate()
	time.Sleep(3500 * time.Millisecond) // longer than it may take to introduce itself
	b.g.tell(proto.SetMemTable, proto.MemTable{b.g.region()}, int(b.g.file.Fd()))
	for i := range b.g.rings {
		b.g.startRing(i, b.g.start())
	}
	b.up()
	b.want("sessions", 1)
}

// TestTheListenerOutlivesNonsense throws bytes at a port that listens.
func TestTheListenerOutlivesNonsense(t *testing.T) {
	b := newBench(t, shape{features: common, server: true}, nil)
	for i := range 10 {
		c, err := net.Dial("unix", b.g.path)
		if err != nil {
			t.Fatal(err)
		}
		junk := make([]byte, 100*i)
		for j := range junk {
			junk[j] = byte(i * j)
		}
		c.Write(junk)
		c.Close()
	}
	b.g.connect()
	b.up()
	b.pass(0, 3)
}
