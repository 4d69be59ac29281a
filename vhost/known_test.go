package vhost

import (
	"bytes"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// What other back ends were broken with stands in a table in the documentation, with the test that it is impossible here.
// Those that no other test has are in this file.

// knownAttacks end the session, as those of the other lists do.
func knownAttacks() []attack {
	gap := ringAttack("a buffer over a hole between two regions", "buffer_outside_memory", 0, nil)
	gap.do = func(b *bench) {
		below, above := b.g.region(), b.g.region()
		below.Size = uint64(len(b.g.rings)*ringRoom) + slotStep
		above.Guest, above.User, above.Offset = above.Guest+below.Size+8, above.User+below.Size+8, above.Offset+below.Size+8
		above.Size -= below.Size + 8
		b.g.tell(proto.SetMemTable, proto.MemTable{below, above}, int(b.g.file.Fd()), int(b.g.file.Fd()))
		b.g.putDescs(b.g.rings[1].base, raw{below.Guest + below.Size - 100, 200, 0, 0})
		b.g.putAvail(b.g.rings[1], 1, 0)
	}
	return []attack{
		gap,
		ringAttack("a header over many descriptors, and cut short", "header", 0, func(g *guest, r *guestRing, addr, _ uint64) {
			var ds []raw
			for i := range uint16(nethdr.Size - 1) {
				ds = append(ds, raw{addr + uint64(i), 1, hasNext, i + 1})
			}
			ds[len(ds)-1].flags = 0
			g.putDescs(r.base, ds...)
			g.putAvail(r, 1, 0)
		}),
		ringAttack("an indirect table that goes on where it has nothing", "next_out_of_range", proto.IndirectDesc, func(g *guest, r *guestRing, addr, off uint64) {
			g.putDescs(off, raw{addr, 64, hasNext, 60000})
			g.putDescs(r.base, raw{addr, 32, indirect, 0})
			g.putAvail(r, 1, 0)
		}),
		ringAttack("packed: a buffer outside of memory behind good ones", "buffer_outside_memory", proto.RingPacked, func(g *guest, r *guestRing, addr, _ uint64) {
			const available = 1 << 7
			good := raw{addr, 64, 0, available}
			g.putDescs(r.base, good, good, good, raw{0, 64, 0, available})
		}),
		messageAttack("a ring whose number is right in its lowest byte", "SET_VRING_NUM: ring 257", func(b *bench) {
			b.insult(proto.SetVringNum, proto.VringState{Index: 257, Num: 256})
		}),
		messageAttack("inflight memory for 65535 rings", "inflight memory for 65535 rings", func(b *bench) {
			b.insult(proto.SetInflightFD, proto.Inflight{Size: 1 << 20, Queues: 65535, QueueSize: 256}, int(b.g.file.Fd()))
		}),
		messageAttack("descriptors that a message about inflight memory has no use for", "SET_INFLIGHT_FD", func(b *bench) {
			fd := int(b.g.file.Fd())
			b.insult(proto.SetInflightFD, proto.Inflight{Size: 1 << 20, Queues: 2, QueueSize: 256}, fd, fd, fd, fd, fd, fd, fd, fd)
		}),
		messageAttack("a descriptor with a question for inflight memory", "GET_INFLIGHT_FD", func(b *bench) {
			b.unanswered(proto.GetInflightFD, proto.Inflight{Queues: 2, QueueSize: 256}, int(b.g.file.Fd()))
		}),
		messageAttack("a session of a crypto device", "CREATE_CRYPTO_SESSION", func(b *bench) {
			b.unanswered(proto.CreateCryptoSession, proto.Opaque(make([]byte, 1000)))
		}),
		messageAttack("more memory than a guest may have", "more memory than the 0x40000000000 bytes", func(b *bench) {
			b.insult(proto.SetMemTable, proto.MemTable{{Guest: guestBase, User: userBase, Size: 1 << 43}}, b.hugeFile(1<<43))
		}),
		messageAttack("a log longer than any memory", "there is no such place", func(b *bench) {
			b.unanswered(proto.SetLogBase, proto.Log{Size: 1 << 43}, b.hugeFile(1<<43))
		}),
		messageAttack("memory in a file that somebody hands out page by page", "a file whose pages may come from elsewhere", func(b *bench) {
			f, err := os.Open("/sys/kernel/mm/transparent_hugepage/enabled") // a file of a file system of its own, as those of FUSE are
			if err != nil {
				b.t.Skip(err)
			}
			defer f.Close()
			b.insult(proto.SetMemTable, proto.MemTable{{Guest: guestBase, User: userBase, Size: 4096}}, int(f.Fd()))
		}),
		{
			name: "inflight memory of a smaller ring", shape: shape{features: common},
			fault: "fault_inflight_region", log: "inflight_region",
			do: func(b *bench) { b.smallFlight() },
		},
		{
			name: "packed: inflight memory of a smaller ring", shape: shape{features: common | proto.RingPacked},
			fault: "fault_inflight_region", log: "inflight_region",
			do: func(b *bench) { b.smallFlight() },
		},
	}
}

// unanswered asks what has no answer: the connection ends instead.
func (b *bench) unanswered(r proto.Request, p proto.Payload, fds ...int) {
	b.t.Helper()
	if m, err := b.g.conn.Ask(r, p, fds...); err == nil {
		m.Close()
		b.t.Errorf("%v %+v has an answer", r, p)
	}
}

// hugeFile returns a file of so many bytes, none of which takes memory.
func (b *bench) hugeFile(size int64) (fd int) {
	b.t.Helper()
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Ftruncate(fd, size); err != nil {
		b.t.Fatal(err)
	}
	return fd
}

// smallFlight gives rings of 256 entries the inflight memory of rings of 64.
func (b *bench) smallFlight() {
	b.t.Helper()
	m, err := b.g.conn.Ask(proto.GetInflightFD, proto.Inflight{Queues: 2, QueueSize: 64})
	if err != nil {
		b.t.Fatal(err)
	}
	defer m.Close()
	fd := m.Take(0)
	defer unix.Close(fd)
	b.insult(proto.SetInflightFD, m.Payload, fd)
}

// A header, and the packet behind it, may be in pieces of a byte each, in either direction and either layout.
func TestAHeaderOverManyDescriptorsIsAHeader(t *testing.T) {
	for _, features := range []proto.Features{common, common | proto.RingPacked, common | proto.MrgRxbuf, common | proto.RingPacked | proto.IndirectDesc} {
		b := connected(t, shape{features: features})
		bytewise := func(n int) (out []driver.Buffer, memory []byte) {
			_, whole, memory := b.g.buffer(n)
			for i := range uint64(n) {
				out = append(out, driver.Buffer{Addr: whole.Addr + i, Len: 1})
			}
			return out, memory
		}
		want := number(1, 60)
		out, memory := bytewise(nethdr.Size + len(want))
		copy(memory[nethdr.Size:], want)
		in, memory := bytewise(nethdr.Size + len(want))
		if !b.g.rings[1].Add(0, out, nil) || !b.g.rings[0].Add(0, nil, in) {
			t.Fatal("no room")
		}
		b.g.rings[1].Publish()
		b.g.rings[0].Publish()
		same(t, b.recv(0, 1), [][]byte{want})
		if n := b.send(0, want); n != 1 {
			t.Fatalf("%v: not taken", features)
		}
		if !bytes.Equal(memory[nethdr.Size:], want) {
			t.Errorf("%v: the guest has % x", features, memory)
		}
		b.want("sessions", 1)
	}
}

// Buffers too short for a header, of every kind of ring, in the ring that packets go to the guest by.
func TestBuffersShorterThanTheHeaderTakeNothing(t *testing.T) {
	for _, features := range []proto.Features{common, common | proto.RingPacked, common | proto.MrgRxbuf, common | proto.MrgRxbuf | proto.RingPacked} {
		b := connected(t, shape{features: features})
		b.g.offer(0, 4, nethdr.Size-1)
		if n := b.send(0, number(1, 100), number(2, 1400)); n != 0 {
			t.Errorf("%v: %d packets were taken", features, n)
		}
		b.down()
		eventually(t, "the fault is counted", func() bool { return b.count("fault_header") == 1 })
		b.want("tx_fault", 2)
		b.g.behave()
		b.up()
		b.pass(0, 3)
	}
}

// A network device of ours has no control queue, whose commands could be wrong, and is no other device than that.
func TestThereIsNoControlQueue(t *testing.T) {
	b := connected(t, shape{features: common})
	for _, f := range []proto.Features{proto.CtrlVQ, proto.CtrlVQ | proto.CtrlGuestOffload, proto.CtrlVQ | proto.CtrlMACAddr} {
		if err := b.g.conn.Tell(proto.SetFeatures, proto.U64(common|f)); err == nil {
			t.Errorf("%v is welcome", f)
		}
	}
	b.pass(0, 3)
	b.insult(proto.SetVringKick, proto.VringFile{Index: 2}, b.g.rings[1].kick) // where it would be
	b.down()
}

// A frontend that is told no again and again, or that comes and goes, does not fill the disk with what is said of it.
func TestAFrontendDoesNotFillTheLog(t *testing.T) {
	b := connected(t, shape{features: common})
	before := len(b.log.String())
	for range 1000 {
		if err := b.g.conn.Tell(proto.NetSetMTU, proto.U64(1)); err == nil {
			t.Fatal("an MTU of 1 is welcome")
		}
	}
	if n := len(b.log.String()) - before; n > 20000 {
		t.Errorf("1000 messages made %d bytes of log:\n%s", n, b.log)
	}
	b.pass(0, 3)
}

// Nor does one that makes the most of each session, and comes back.
func TestSessionAfterSessionDoesNotFillTheLog(t *testing.T) {
	b := newBench(t, shape{features: common, server: true}, nil)
	for range 40 {
		b.g.meet()
		b.g.negotiate()
		for range mostComplaints + 5 {
			b.g.conn.Tell(proto.NetSetMTU, proto.U64(1))
		}
		b.g.hangUp()
	}
	b.g.connect()
	b.up()
	if n := strings.Count(b.log.String(), "\n"); n > 2*mostSayings {
		t.Errorf("40 sessions made %d lines of log", n)
	}
	b.p.log.say(time.Now().Add(time.Minute), slog.LevelInfo, "a minute later")
	if !b.log.has("a minute later") || !b.log.has("left_out=") {
		t.Errorf("what was left out is not told:\n%s", b.log)
	}
}

// Questions about addresses that nobody answers are forgotten at some time, whatever the guest does meanwhile.
func TestQuestionsWithoutAnswersAreBounded(t *testing.T) {
	b := connected(t, shape{features: common | proto.AccessPlatform})
	a := newAsker(b.p)
	a.conn = b.g.iommu.back
	for i := range uint64(3 * mostAsked) {
		a.rings[1].miss.Store(uint64(questionOf(virtq.Miss{Addr: 1<<40 + i*askPage, Want: 1})))
		if q, _ := a.next(a.rings[1]); q == 0 {
			t.Fatalf("address %d is not asked about", i)
		}
	}
	if len(a.asked) > mostAsked {
		t.Errorf("%d questions are remembered", len(a.asked))
	}
}

// A packed ring whose device was killed within a batch does not say where it goes on. It waits for its driver; the other
// rings need not.
func TestARingThatNobodyKnowsThePositionOfWaitsForItsDriver(t *testing.T) {
	b := newBench(t, shape{features: common | proto.RingPacked}, nil)
	const available, used = 1 << 7, 1<<7 | 1<<15
	addr, _ := b.g.data()
	b.g.putDescs(b.g.rings[1].base, raw{addr, 100, 0, available}, raw{addr, 100, 1, used}, raw{addr, 100, 2, available})
	b.g.connect()
	b.up()
	eventually(t, "the log says so", func() bool { return b.log.has("ring_lost") })
	for range 100 {
		if b.poll(0) != 0 {
			t.Fatal("a packet came in, once more perhaps")
		}
	}
	b.g.offer(0, 1, 2048)
	if n := b.send(0, number(1, 60)); n != 1 {
		t.Error("the other ring does not go on")
	}
	b.g.behave()
	b.up()
	b.pass(0, 3)
}

// TestEveryKnownVulnerabilityHasItsTest holds the table in the documentation to the tests that it names.
func TestEveryKnownVulnerabilityHasItsTest(t *testing.T) {
	page, err := os.ReadFile("../docs/vhost.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "<!-- known: held to the tests by vhost/known_test.go -->")
	table, _, ended := strings.Cut(table, "<!-- end of known -->")
	if !found || !ended {
		t.Fatal("there is no table")
	}
	tests := testsBelow(t, "..", "vhost", "encap/wire", "datapath")
	rows := 0
	for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		names := regexp.MustCompile("`(Test|Fuzz)[^`]*`").FindAllString(row, -1)
		if len(names) == 0 {
			t.Errorf("no test is named in %s", row)
		}
		for _, name := range names {
			name, part, _ := strings.Cut(strings.Trim(name, "`"), "/")
			if p, ok := tests[name]; !ok || part != "" && !p.parts(name)[part] {
				t.Errorf("there is no test %s/%s", name, part)
			}
		}
		rows++
	}
	if rows < 30 {
		t.Errorf("%d rows: the table is cut short", rows)
	}
}
