package frontend

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
)

// shapes are all combinations of what rings can be like.
func shapes() map[string]Options {
	all := make(map[string]Options)
	for i := range 1 << 4 {
		o := Options{Split: i&1 != 0, NoInOrder: i&2 != 0, NoEventIndex: i&4 != 0, NoMergeable: i&8 != 0}
		all[fmt.Sprintf("split=%v,order=%v,events=%v,mergeable=%v", o.Split, !o.NoInOrder, !o.NoEventIndex, !o.NoMergeable)] = o
	}
	return all
}

func TestPacketsGoBothWaysInRingsOfEveryShape(t *testing.T) {
	for name, o := range shapes() {
		t.Run(name, func(t *testing.T) {
			o.Queues = 2
			p := openPort(t, o)
			b := connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			sizes := []int{14, 60, 64, 1514}
			if !o.NoMergeable {
				sizes = append(sizes, 1664, 1665)
				p.rx[0].longest, p.tx[0].longest = 9000, 9000
				p.rx[1].longest, p.tx[1].longest = 9000, 9000
				sizes = append(sizes, 9000)
			}
			number := uint32(0)
			for range 40 { // several times round the ring
				pair := int(number) % 2
				var sent [][]byte
				for _, size := range sizes {
					sent = append(sent, packet(number, size))
					number++
				}
				if n := send(t, p, pair, sent...); n != len(sent) {
					t.Fatalf("%d of %d packets were taken", n, len(sent))
				}
				got := b.take(2*pair + 1)
				wantPackets(t, got, sent, nethdr.Size)
				poll(t, p, pair)
				for i, pkt := range sent { // with the header that a switch writes
					buffers := (len(pkt) + nethdr.Size + p.o.Pool.Room() + nethdr.Size - 1) / (p.o.Pool.Room() + nethdr.Size)
					got[i] = headed(pkt, uint16(buffers))
				}
				if n := b.give(2*pair, got...); n != len(got) {
					t.Fatalf("buffers for %d of %d packets", n, len(got))
				}
				wantPackets(t, poll(t, p, pair), sent, 0)
			}
		})
	}
}

// TestAPacketInATableTakesOneEntryOfItsRing sends packets of six buffers until the ring is full.
func TestAPacketInATableTakesOneEntryOfItsRing(t *testing.T) {
	for _, o := range []Options{{}, {Split: true}, {NoIndirect: true}, {NoIndirect: true, Split: true}} {
		o.MTU = 9000
		p := openPort(t, o)
		b := connectTo(t, p.o.Path).begin()
		linked(t, p, true)
		want := 64
		if o.NoIndirect {
			want = 64 / 6
		}
		var sent [][]byte
		for i := range uint32(70) {
			sent = append(sent, packet(i, 5*p.o.Pool.Room()+100))
		}
		if n := send(t, p, 0, sent...); n != want {
			t.Errorf("%+v: %d packets were taken, want %d", o, n, want)
		}
		wantPackets(t, b.take(1), sent[:want], nethdr.Size)
	}
}

// TestAHeaderWithoutRoomGoesApart sends a frame whose data begins at the start of its buffer.
func TestAHeaderWithoutRoomGoesApart(t *testing.T) {
	for _, size := range []int{100, 5000} {
		p := openPort(t, Options{MTU: 9000})
		b := connectTo(t, p.o.Path).begin()
		linked(t, p, true)
		c, err := p.o.Pool.NewCache()
		if err != nil {
			t.Fatal(err)
		}
		want := packet(7, size)
		f, _ := c.FromBytes(want)
		p.o.Pool.Prepend(&f, frame.Headroom)
		want = p.o.Pool.AppendTo(nil, f)
		var batch frame.Batch
		batch.Append(f)
		if n := p.tx[0].Send(&batch); n != 1 {
			t.Fatal("it is not taken")
		}
		got := b.take(1)
		wantPackets(t, got, [][]byte{want}, nethdr.Size)
		if [nethdr.Size]byte(got[0]) != [nethdr.Size]byte{} {
			t.Errorf("header % x", got[0][:nethdr.Size])
		}
		c.Close()
	}
}

func TestWorkLeftToTheOtherSideIsSaidInTheHeader(t *testing.T) {
	p := openPort(t, Options{Offload: true})
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	c, err := p.o.Pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16, GSO: frame.GSOTCPv4, GSOSize: 1448, HeaderLen: 66}
	big := packet(1, 20000)
	f, _ := c.FromBytes(big)
	p.o.Pool.Meta(f).Offload = o
	f.SetFlags(frame.HasOffload)
	var batch frame.Batch
	batch.Append(f)
	if n := p.tx[0].Send(&batch); n != 1 {
		t.Fatal("a segment of 20000 bytes is not taken")
	}
	got := b.take(1)
	wantPackets(t, got, [][]byte{big}, nethdr.Size)
	binary.LittleEndian.PutUint16(got[0][10:], uint16((len(got[0])+p.o.Pool.Room()+11)/(p.o.Pool.Room()+12)))
	p.rx[0].Recv(&batch) // posts buffers
	b.give(0, got...)
	if n := p.rx[0].Recv(&batch); n != 1 {
		t.Fatalf("%d packets received", n)
	}
	f = batch.Frames()[0]
	if f.Flags()&frame.HasOffload == 0 || p.o.Pool.Meta(f).Offload != o {
		t.Errorf("received with %+v, want %+v", p.o.Pool.Meta(f).Offload, o)
	}
	c.PutBatch(&batch)
}

// TestWhatWasNotNegotiatedIsDropped sends and receives what one of the two has not agreed to.
func TestWhatWasNotNegotiatedIsDropped(t *testing.T) {
	p := openPort(t, Options{})
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	if p.info.Takes.All(1) {
		t.Error("the port says that it takes partial checksums")
	}
	poll(t, p, 0)
	partial := headed(packet(1, 100), 1)
	partial[0], partial[6] = 1, 34
	outside := headed(packet(2, 100), 1)
	outside[0], outside[6] = 1, 99
	b.give(0, partial, outside, headed(make([]byte, 13), 1), headed(packet(3, 1523), 1), headed(packet(4, 60), 1))
	wantPackets(t, poll(t, p, 0), [][]byte{packet(4, 60)}, 0)
	for name, want := range map[string]uint64{"rx_bad_offload": 2, "rx_runt": 1, "rx_too_long": 1, "rx_packets": 1, "rx_bytes": 60} {
		if got := value(t, p.rx[0], name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	c, err := p.o.Pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var batch frame.Batch
	for _, size := range []int{13, 1523, 100, 60} {
		f, _ := c.FromBytes(make([]byte, size))
		if size == 100 {
			p.o.Pool.Meta(f).Offload = frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34}
			f.SetFlags(frame.HasOffload)
		}
		batch.Append(f)
	}
	if n := p.tx[0].Send(&batch); n != 1 {
		t.Errorf("%d packets sent, want 1", n)
	}
	for name, want := range map[string]uint64{"tx_bad_offload": 1, "tx_runt": 1, "tx_too_long": 1, "tx_packets": 1, "tx_bytes": 60} {
		if got := value(t, p.tx[0], name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func TestAFullRingDropsAndCounts(t *testing.T) {
	for _, split := range []bool{true, false} {
		p := openPort(t, Options{Split: split})
		b := connectTo(t, p.o.Path).begin()
		linked(t, p, true)
		var many [][]byte
		for i := range uint32(100) {
			many = append(many, packet(i, 60))
		}
		if n := send(t, p, 0, many...); n != 64 {
			t.Errorf("%d packets are taken by a ring of 64", n)
		}
		if n := value(t, p.tx[0], "tx_full"); n != 36 {
			t.Errorf("tx_full is %d, want 36", n)
		}
		wantPackets(t, b.take(1), many[:64], nethdr.Size)
	}
}

// TestASleepingReceiverIsWoken arms the queue, waits for its descriptor, and finds packets there; afterwards the
// descriptor is quiet.
func TestASleepingReceiverIsWoken(t *testing.T) {
	for name, o := range map[string]Options{
		"flags": {Split: true, NoEventIndex: true}, "index": {Split: true},
		"packed flags": {NoEventIndex: true}, "packed index": {},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, o)
			q := p.rx[0]
			if q.Arm() {
				t.Error("without a session there is something to receive")
			}
			b := connectTo(t, p.o.Path).begin()
			if !readable(t, q.FD(), 5000) {
				t.Fatal("a session does not wake the worker")
			}
			for i := range uint32(100) {
				poll(t, p, 0)
				if readable(t, q.FD(), 0) {
					t.Fatal("the descriptor stays readable")
				}
				if q.Arm() {
					t.Fatal("there is something before anything was sent")
				}
				b.give(0, headed(packet(i, 60), 1))
				if !readable(t, q.FD(), 5000) {
					t.Fatal("nobody rings")
				}
				wantPackets(t, poll(t, p, 0), [][]byte{packet(i, 60)}, 0)
				b.give(0, headed(packet(i, 60), 1)) // awake: nobody rings
				if readable(t, q.FD(), 0) {
					t.Fatal("a worker that is awake is rung")
				}
				if !q.Arm() {
					t.Fatal("what came while the worker was awake is not seen")
				}
			}
		})
	}
}

// readable waits up to ms for fd.
func readable(t testing.TB, fd, ms int) bool {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, ms)
	if err != nil && err != unix.EINTR {
		t.Fatal(err)
	}
	return n == 1
}

func TestTheBackEndIsKickedWhenItAsks(t *testing.T) {
	p := openPort(t, Options{})
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	kick := b.rings[1].kick
	var word [8]byte
	unix.Read(kick, word[:]) // the one that starts the ring
	send(t, p, 0, packet(1, 60))
	if readable(t, kick, 0) {
		t.Error("kicked a back end that polls")
	}
	b.take(1)
	b.rings[1].Kicks(true)
	send(t, p, 0, packet(2, 60))
	if !readable(t, kick, 0) {
		t.Error("a back end that sleeps is not kicked")
	}
}

func TestNothingIsAllocatedPerPacket(t *testing.T) {
	for _, split := range []bool{true, false} {
		p := openPort(t, Options{Split: split, Pool: newPool(t, 4096), RingSize: 256})
		b := connectTo(t, p.o.Path).begin()
		linked(t, p, true)
		c, err := p.o.Pool.NewCache()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var batch frame.Batch
		p.rx[0].Recv(&batch)
		var in [][]byte
		for i := range uint32(frame.MaxBatch) {
			in = append(in, headed(packet(i, 60), 1))
		}
		round := func() {
			if p.rx[0].Arm(); p.rx[0].Recv(&batch) != frame.MaxBatch {
				t.Fatalf("%d packets", batch.Len())
			}
			p.tx[0].Send(&batch)
			p.tx[0].Flush()
		}
		for range 3 { // the double allocates: what it does is not counted
			b.give(0, in...)
			b.give(0, in...)
			if n := testing.AllocsPerRun(1, round); n != 0 { // once more to warm up
				t.Errorf("%v allocations", n)
			}
			b.take(1)
		}
		c.PutBatch(&batch)
	}
}
