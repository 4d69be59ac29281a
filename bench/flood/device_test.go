package flood

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A device is a switch's half of one of a guest's split rings, that does to it what it is told, wrong or right.
type device struct {
	g    *Guest
	ring int
	used uint16 // free-running index
}

// alone returns a flood both ways that nobody runs and no switch connects to, and its first guest's rings as a switch has them, which does not want
// to be kicked.
func alone(t *testing.T) (*Flood, [rings]*device) {
	t.Helper()
	f, err := New(Options{Sockets: sockets(t), CPU: -1, Both: true, Frames: small()})
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	g := f.guests[0]
	made, err := g.makeRings()
	must(t, err)
	var ds [rings]*device
	for i := range ds {
		ds[i] = &device{g: g, ring: i}
		ds[i].show(0)
	}
	g.begin(made)
	return f, ds
}

// area is where a device writes to: flags, index and elements (VIRTIO 1.2, 2.7.8).
func (d *device) area() []byte {
	return d.g.memory.ring(d.ring)[driver.SplitLayout(config(d.ring)).Device:]
}

// give gives the next n entries back, as written to with a packet of so many bytes, or with none.
func (d *device) give(n int, packet []byte, size int) {
	for range n {
		entry := int(d.used % RingSize)
		copy(d.g.memory.packet(d.ring, entry), packet)
		element := d.area()[4+8*entry:]
		binary.LittleEndian.PutUint32(element, uint32(entry))
		binary.LittleEndian.PutUint32(element[4:], uint32(header+size))
		d.used++
	}
	d.show(d.used)
}

// show writes the index, and the flag that says no to kicks.
func (d *device) show(idx uint16) { binary.LittleEndian.PutUint32(d.area(), uint32(idx)<<16|1) }

// arriving has packets arrive at the first guest for so many rounds of its ring, and returns what is wrong with them.
func (d *device) arriving(f *Flood, rounds int, packet []byte, size int) (err error) {
	for i := 0; i < rounds*RingSize/32 && err == nil; i++ {
		d.give(32, packet, size)
		err = f.receive(0, d.g)
	}
	return err
}

func TestPacketsThatArriveBeforeAnyWereCheckedCountToo(t *testing.T) {
	f, ds := alone(t)
	packet := f.sent[1].list[0]
	ds[receives].give(100, packet, len(packet))
	must(t, f.receive(0, f.guests[0]))
	if n := f.received.Load(); n != 100 {
		t.Errorf("%d packets were counted of 100", n)
	}
}

func TestBuffersThatComeBackWithoutAPacketDoNotCount(t *testing.T) {
	f, ds := alone(t)
	ds[receives].give(100, nil, 60)
	must(t, f.receive(0, f.guests[0]))
	if n := f.received.Load(); n != 0 {
		t.Errorf("%d packets were counted where none was written", n)
	}
}

// A check looks at packets before they are counted; a switch may do wrong later.
func TestPacketsAreLookedAtAfterACheckToo(t *testing.T) {
	changed := func(packet []byte) []byte {
		packet = slices.Clone(packet)
		packet[len(packet)-1] ^= 1
		return packet
	}
	for _, c := range []struct {
		name string
		do   func(packet []byte) (written []byte, size int)
		want string
	}{
		{"they are right", func(packet []byte) ([]byte, int) { return packet, len(packet) }, ""},
		{"they are the switch's own", func([]byte) ([]byte, int) { return bytes.Repeat([]byte{2}, 60), 60 }, ""},
		{"nothing is written any more", func(packet []byte) ([]byte, int) { return nil, len(packet) }, "written no packet"},
		{"they are changed", func(packet []byte) ([]byte, int) { return changed(packet), len(packet) }, "a packet that was counted: want one of the packets sent"},
		{"they are cut off", func(packet []byte) ([]byte, int) { return packet[:30], 30 }, "a packet that was counted: want one of the packets sent"},
	} {
		f, ds := alone(t)
		packet := f.sent[1].list[0]
		must(t, ds[receives].arriving(f, 2, packet, len(packet)))
		written, size := c.do(packet)
		err := ds[receives].arriving(f, auditEvery, written, size)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestAPacketThatIsCutOffFailsACheck(t *testing.T) {
	for _, size := range []int{-header, 0, 5, 59} {
		f, ds := alone(t)
		done := make(chan error, 1)
		f.check = check{10, done}
		ds[receives].give(1, f.sent[1].list[0], size)
		must(t, f.receive(0, f.guests[0]))
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), "want one of the packets sent") {
				t.Errorf("%d bytes: got %v", size, err)
			}
		default:
			t.Errorf("%d bytes: the check goes on", size)
		}
	}
}

// A switch with addresses of its own announces them, whatever its rules are.
func TestWhatASwitchSendsToAllIsNotThePackets(t *testing.T) {
	f, ds := alone(t)
	done := make(chan error, 1)
	f.check = check{1, done}
	ds[receives].give(3, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 1, 1, 8, 6}, 42)
	must(t, f.receive(0, f.guests[0]))
	if n := f.received.Load(); n != 0 || f.check.left != 1 || len(done) > 0 {
		t.Errorf("%d packets counted, %d left to check", n, f.check.left)
	}
}

// Who asks for packets afterwards is told the reason, and does not wait.
func TestASwitchThatLiesAboutARingEndsTheFlood(t *testing.T) {
	for name, c := range map[string]struct {
		ring int
		idx  uint16 // which was 0
	}{
		"more than all buffers": {receives, RingSize + 1}, "back from the first buffer": {receives, 0xffff},
		"more than was sent": {sends, 2*batch + 1}, "back from the first packet": {sends, 0xffff},
	} {
		f, ds := alone(t)
		ds[c.ring].show(c.idx)
		err := f.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "guest 1: the device gives back") {
			t.Fatalf("%s: got %v", name, err)
		}
		if _, again := f.Counted(); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: counted with %v", name, again)
		}
		if again := f.Check(context.Background(), 1); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: checked with %v", name, again)
		}
	}
}

func TestAFloodWithoutItsCPUSaysSo(t *testing.T) {
	f, err := New(Options{Sockets: sockets(t), CPU: 1 << 20, Frames: small()})
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	if err := f.Run(t.Context()); err == nil {
		t.Fatal("it runs")
	}
	if _, err := f.Counted(); err == nil || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("counted with %v", err)
	}
	if err := f.Check(context.Background(), 1); err == nil || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("checked with %v", err)
	}
}

// turns ends after so many looks at it.
type turns struct {
	context.Context
	left int
}

func (c *turns) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestAFloodThatRunsAllocatesNothing(t *testing.T) {
	f, _ := alone(t)
	ctx := &turns{Context: t.Context()}
	if n := testing.AllocsPerRun(1, func() {
		f.ended, ctx.left = make(chan struct{}), 10_000
		must(t, f.Run(ctx))
	}); n > 100 { // to begin
		t.Errorf("10,000 turns allocate %v times", n)
	}
}

func TestPacketsThatASwitchMayHaveWaitedForAreCounted(t *testing.T) {
	f, ds := alone(t)
	g := f.guests[0]
	turn := func(n int) Counts {
		for range n {
			f.send(0, g)
		}
		c, err := f.Counted()
		must(t, err)
		return c
	}
	if got, want := turn(3), (Counts{Offered: 3 * batch, Starved: batch}); got != want || !got.Limited() {
		t.Errorf("into an empty ring: %+v, want %+v", got, want)
	}
	ds[sends].give(3*batch-1, nil, 0)
	before := turn(0)
	if got, want := turn(1).Since(before), (Counts{Offered: batch}); got != want || got.Limited() {
		t.Errorf("with one packet left to the switch: %+v, want %+v", got, want)
	}
	ds[sends].give(batch+1, nil, 0)
	before = turn(0)
	if got, want := turn(2*RingSize/batch).Since(before), (Counts{Offered: RingSize, Starved: batch}); got != want || got.Limited() {
		t.Errorf("until the ring is full: %+v, want %+v", got, want)
	}
	if c := (Counts{}); c.Limited() {
		t.Error("where the switch takes nothing the generator is the limit")
	}
}

func TestASwitchThatRepeatsPacketsIsFoundOut(t *testing.T) {
	f := new(Flood)
	f.offered.Store(9)
	f.received.Store(9)
	_, err := f.Counted()
	must(t, err)
	f.received.Store(10)
	if _, err := f.Counted(); err == nil || !strings.Contains(err.Error(), "10 arrived of 9") {
		t.Errorf("got %v", err)
	}
}
