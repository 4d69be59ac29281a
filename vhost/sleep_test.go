package vhost

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
)

// readable waits at most so long for a descriptor to become readable.
func readable(t testing.TB, fd int, wait time.Duration) bool {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, int(wait/time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestAGuestKicksOnlyWhoSleeps(t *testing.T) {
	for name, features := range map[string]proto.Features{
		"split": common, "event index": common | proto.EventIdx, "packed": common | proto.RingPacked,
		"packed, event index": common | proto.RingPacked | proto.EventIdx,
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, shape{features: features})
			q, r := b.p.rx[0], b.g.rings[1]
			for round := range 3 {
				// Awake: the guest does not kick.
				b.poll(0)
				for i := range 5 {
					b.g.sendRaw(r, append(make([]byte, b.g.header), number(i, 60)...))
					r.Publish()
					if r.Kick() && (i > 0 || features&proto.EventIdx == 0) {
						t.Errorf("round %d: the guest is to kick a worker that is awake", round)
					}
					b.recv(0, 1)
				}
				// Asleep: it does, once.
				if q.Arm() {
					t.Fatal("there is something to receive in an empty ring")
				}
				if readable(t, q.FD(), 0) {
					t.Fatal("the worker is woken for nothing")
				}
				b.g.sendRaw(r, append(make([]byte, b.g.header), number(9, 60)...))
				r.Publish()
				if !r.Kick() {
					t.Fatal("the guest is not to kick a worker that sleeps")
				}
				unix.Write(r.kick, []byte{1, 0, 0, 0, 0, 0, 0, 0})
				if !readable(t, q.FD(), time.Second) {
					t.Fatal("the kick does not wake the worker")
				}
				same(t, b.recv(0, 1), [][]byte{number(9, 60)})
				if readable(t, q.FD(), 0) {
					t.Error("the worker is woken again for the same kick")
				}
			}
		})
	}
}

func TestAWorkerDoesNotFallAsleepOverAPacket(t *testing.T) {
	b := connected(t, shape{features: common})
	b.poll(0)
	b.g.send(0, nil, number(1, 60))
	if !b.p.rx[0].Arm() {
		t.Error("a packet waits, and the worker is not told")
	}
	same(t, b.recv(0, 1), [][]byte{number(1, 60)})
}

func TestASleepingWorkerIsWokenForAGuestThatComes(t *testing.T) {
	b := newBench(t, shape{features: common}, nil)
	q := b.p.rx[0]
	b.poll(0)
	if q.Arm() {
		t.Fatal("there is something to receive from nobody")
	}
	// The guest has sent before the port was there, and does not kick again.
	b.g.send(0, nil, number(1, 60))
	b.g.connect()
	if !readable(t, q.FD(), 5*time.Second) {
		t.Fatal("nobody wakes the worker")
	}
	same(t, b.recv(0, 1), [][]byte{number(1, 60)})
}

func TestAGuestIsToldOnlyIfItWantsToBe(t *testing.T) {
	for name, features := range map[string]proto.Features{"split": common, "packed": common | proto.RingPacked} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, shape{features: features})
			r := b.g.rings[0]
			drain := make([]byte, 8)
			unix.Read(r.call, drain)
			b.g.offer(0, 8, 2048)
			b.send(0, number(1, 60))
			if readable(t, r.call, 0) {
				t.Error("a guest that polls is told")
			}
			b.want("tx_calls", 0)
			b.g.receive(0)
			if r.Calls(true) {
				t.Fatal("there is more")
			}
			b.send(0, number(2, 60))
			if !readable(t, r.call, 0) {
				t.Error("a guest that sleeps is not told")
			}
			b.want("tx_calls", 1)
		})
	}
}

func TestPacketsGatherUnderLoad(t *testing.T) {
	var now atomic.Int64
	b := newBench(t, shape{features: common, size: 1024}, func(o *Options) {
		o.Clock, o.Gather = cpu.NewManualClock(now.Load), 10_000
	})
	q := b.p.rx[0]
	b.g.connect()
	b.up()
	send := func(n int) {
		var p [][]byte
		for i := range n {
			p = append(p, number(i, 60))
		}
		b.g.send(0, nil, p...)
	}
	// One at a time, a microsecond apart: each is taken at once.
	for range 100 {
		now.Add(1000)
		send(1)
		if n := b.poll(0); n != 1 {
			t.Fatalf("%d packets taken under low load, want 1 at once", n)
		}
	}
	// 20 a microsecond: after a while they are left to gather.
	sent, got := 0, 0
	for sent < 800 || got < sent {
		now.Add(1000)
		send(20)
		sent += 20
		for n := b.poll(0); n > 0; n = b.poll(0) {
			got += n
		}
	}
	if !q.gather.on {
		t.Fatal("20 packets a microsecond are no load")
	}
	now.Add(1000)
	send(100)
	if n := b.poll(0); n != 0 {
		t.Errorf("%d packets taken although more are to come", n)
	}
	send(156) // enough
	now.Add(9000)
	enough := 0
	for range 4 {
		enough += b.poll(0)
	}
	if enough != 256 {
		t.Errorf("%d packets taken, want the 256 that are there", enough)
	}
	// Nothing waits longer than the deadline.
	send(3)
	if n := b.poll(0); n != 0 {
		t.Errorf("%d packets taken at once under load", n)
	}
	now.Add(10_001)
	if n := b.poll(0); n != 3 {
		t.Errorf("%d packets taken at the deadline, want 3", n)
	}
	if q.gather.on {
		t.Error("3 packets in 10 µs are load")
	}
	b.want("rx_packets", uint64(100+sent+256+3))
	if b.count("rx_gathered") == 0 {
		t.Error("nothing was counted")
	}
}

func TestMovingPacketsAllocatesNothing(t *testing.T) {
	for name, s := range map[string]shape{
		"split": {features: common}, "packed": {features: common | proto.RingPacked}, "merged": {features: common | proto.MrgRxbuf},
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			var packets [][]byte
			for i := range frame.MaxBatch {
				packets = append(packets, number(i, 100))
			}
			b.g.send(0, nil, packets...)
			if n := testing.AllocsPerRun(1, func() {
				b.poll(0)
				b.p.rx[0].Arm()
			}); n != 0 {
				t.Errorf("receiving makes %v allocations", n)
			}
			b.g.offer(0, 2*frame.MaxBatch, 2048)
			if n := testing.AllocsPerRun(1, func() { b.send(0, packets...) }); n != 0 {
				t.Errorf("sending makes %v allocations", n)
			}
		})
	}
}

// A frontend that gives no descriptor to be kicked by wants the ring polled (bit 8 of SET_VRING_KICK).
func TestAWorkerDoesNotSleepOnARingWithoutKick(t *testing.T) {
	b := connected(t, shape{features: common})
	if b.p.rx[0].Arm() {
		t.Fatal("there is something in an empty ring")
	}
	b.g.tell(proto.SetVringKick, proto.VringFile{Index: 1, None: true})
	if !b.p.rx[0].Arm() {
		t.Error("the worker may sleep, and nobody would wake it")
	}
	b.pass(0, 3)
	b.g.tell(proto.SetVringKick, proto.VringFile{Index: 1}, b.g.rings[1].kick)
	if b.p.rx[0].Arm() {
		t.Error("the worker may not sleep although it is kicked")
	}
}
