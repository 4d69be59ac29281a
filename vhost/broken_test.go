package vhost

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
)

func TestARingThatIsGivenUpSignalsItsErrorDescriptor(t *testing.T) {
	b := connected(t, shape{features: common})
	if !b.p.rings[0].call.bell.IsOpen() {
		t.Skip("a kernel without asynchronous operations")
	}
	told := b.errorFDs()
	b.g.putDescs(b.g.rings[0].base, raw{1, 2048, isWrite, 0}) // outside of memory
	b.g.putAvail(b.g.rings[0], 1, 0)
	b.send(0, number(1, 100))
	b.down()
	eventually(t, "the ring's descriptor is signalled", func() bool { return signalled(told[0]) })
	if signalled(told[1]) {
		t.Error("the other ring's descriptor is signalled, too")
	}
}

// A ring may turn out to be broken by a look at it that takes nothing. A worker that goes to sleep then, for want of anything to do,
// would never take from it.
func TestARingThatIsFoundBrokenByALookIsGivenUpAtOnce(t *testing.T) {
	jump := func(b *bench, ring int) { b.g.putAvail(b.g.rings[ring], 1000) } // of 256 entries
	for name, c := range map[string]struct {
		ring int
		look func(b *bench)
	}{
		"before the worker sleeps": {ring: 1, look: func(b *bench) {
			jump(b, 1)
			if b.p.rx[0].Arm() {
				b.t.Error("there is something to take from a broken ring")
			}
		}},
		"while packets gather": {ring: 1, look: func(b *bench) {
			q := b.p.rx[0]
			q.gather.on, q.gather.until, q.gather.now = true, 1, func() int64 { return 0 }
			jump(b, 1)
			b.poll(0)
		}},
		"ahead of the next packet": {ring: 0, look: func(b *bench) {
			b.g.offer(0, 1, 2048)
			f, ok := b.tx.FromBytes(number(1, 60))
			if !ok {
				b.t.Fatal("the arena is exhausted")
			}
			b.b.Append(f)
			if n := b.p.tx[0].Send(&b.b); n != 1 {
				b.t.Fatal("a packet is not taken")
			}
			jump(b, 0)
			b.p.tx[0].Flush()
		}},
		"by who finds out whether the guest takes anything": {ring: 0, look: func(b *bench) {
			b.send(0, number(1, 60)) // finds no buffer
			b.want("tx_full", 1)
			jump(b, 0)
		}},
		"when it is told of by another descriptor": {ring: 1, look: func(b *bench) {
			q := b.p.rings[1]
			q.gate.Enter()
			jump(b, 1)
			q.available()
			q.gate.Leave()
			if err := b.g.conn.Tell(proto.SetVringCall, proto.VringFile{Index: 1}, b.g.rings[1].call); err == nil {
				b.t.Error("the session goes on")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, shape{features: common})
			told := b.errorFDs()
			c.look(b)
			b.down()
			eventually(t, "the fault is counted", func() bool { return b.count("fault_avail_index_jump") == 1 })
			eventually(t, "the log says so", func() bool { return b.log.has("avail_index_jump") })
			if b.p.rings[c.ring].call.bell.IsOpen() {
				eventually(t, "the ring's error descriptor is signalled", func() bool { return signalled(told[c.ring]) })
			}
			b.g.behave()
			b.up()
			b.pass(0, 3)
		})
	}
}

// errorFDs has the port signal descriptors of rings that are given up, and returns them.
func (b *bench) errorFDs() (fds [2]int) {
	b.t.Helper()
	for i := range fds {
		fds[i] = b.g.eventfd()
		b.t.Cleanup(func() { unix.Close(fds[i]) })
		b.g.tell(proto.SetVringErr, proto.VringFile{Index: uint8(i)}, fds[i])
	}
	return fds
}

// signalled reads an eventfd.
func signalled(fd int) bool {
	var word [8]byte
	n, _ := unix.Read(fd, word[:])
	return n == 8
}

// Whatever the frontend says about a ring that a worker has just found broken, and be it before the session knows, nobody comes into
// that ring again.
func TestNoMessageOpensABrokenRing(t *testing.T) {
	for name, c := range map[string]struct {
		features proto.Features
		say      func(b *bench)
	}{
		"to be told by another descriptor": {say: func(b *bench) {
			b.g.tell(proto.SetVringCall, proto.VringFile{Index: 0}, b.g.rings[0].call)
		}},
		"to be told by none": {say: func(b *bench) {
			b.g.tell(proto.SetVringCall, proto.VringFile{Index: 0, None: true})
		}},
		"addresses taken back": {features: proto.AccessPlatform, say: func(b *bench) {
			addr, _ := b.g.data()
			b.g.unmap(addr, iommuPage)
		}},
		"to be disabled and enabled": {say: func(b *bench) {
			b.g.tell(proto.SetVringEnable, proto.VringState{Index: 0, Num: 0})
			b.g.tell(proto.SetVringEnable, proto.VringState{Index: 0, Num: 1})
		}},
		"another size": {say: func(b *bench) {
			b.g.tell(proto.SetVringNum, proto.VringState{Index: 0, Num: 128})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, shape{features: common | c.features})
			r := b.p.rings[0]
			b.silently(r)
			if !r.gate.Enter() {
				t.Fatal("the ring does not run")
			}
			r.die(ErrHeader)
			r.gate.Leave()
			c.say(b)
			if r.gate.IsOpen() {
				t.Error("the ring's gate is open again")
			}
			b.p.fault(ErrHeader)
			b.down()
		})
	}
}

// silently keeps the session from hearing that a ring is broken, as if its worker had not come to say so yet.
func (b *bench) silently(r *ring) {
	b.t.Helper()
	b.g.tell(proto.SetVringEnable, proto.VringState{Index: 0, Num: 0}) // nobody is inside
	r.down = func(error) {}
	b.g.tell(proto.SetVringEnable, proto.VringState{Index: 0, Num: 1})
	b.up()
}

// A worker may find a ring broken when the session has already begun to take the ring out of its hands.
func TestARingThatBreaksWhileItIsTakenAwaySignalsItsErrorDescriptor(t *testing.T) {
	b := connected(t, shape{features: common})
	r := b.p.rings[0]
	if !r.call.bell.IsOpen() {
		t.Skip("a kernel without asynchronous operations")
	}
	told := b.errorFDs()
	b.silently(r)
	if !r.gate.Enter() {
		t.Fatal("the ring does not run")
	}
	asked := make(chan error)
	go func() {
		_, err := b.g.conn.Ask(proto.GetVringBase, proto.VringState{Index: 0})
		asked <- err
	}()
	eventually(t, "the session waits for the worker", func() bool { return !r.gate.IsOpen() })
	r.die(ErrHeader)
	r.gate.Leave()
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	if !signalled(told[0]) {
		t.Error("the ring's error descriptor is not signalled")
	}
}

// A message that is refused may be the one at which a broken ring is found: a no to the message is not all there is to say then.
func TestARingThatIsFoundBrokenAtARefusedMessageEndsTheSession(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	b.g.putAvail(b.g.rings[1], 1000)                                                                    // of 256 entries
	wrong := proto.IOTLB{Address: b.g.base, Size: 4096, Type: proto.IOTLBUpdate, Perm: proto.IOTLBRead} // to nowhere
	if err := b.g.conn.Tell(proto.IOTLBMsg, wrong); errors.Is(err, proto.ErrRefused) {
		t.Error("the message is refused, and the session goes on")
	}
	b.down()
	eventually(t, "the fault is counted", func() bool { return b.count("fault_avail_index_jump") == 1 })
	b.g.behave()
	b.up()
	b.pass(0, 3)
}
