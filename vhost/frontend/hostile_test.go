package frontend

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A used writes a split ring's used entries as no good device would.
type used struct {
	*backend
	ring []byte // used ring: flags, idx, entries
}

// used returns the used ring of ring i, and the head of the first chain there.
func (b *backend) used(i int) (u used, head uint32) {
	a := b.rings[i].addr
	c := driver.Config{Size: int(b.rings[i].size)}
	avail := b.memory(a.Avail, driver.SplitLayout(c).Device-driver.SplitLayout(c).Driver)
	return used{b, b.memory(a.Used, 6+8*c.Size)}, uint32(binary.LittleEndian.Uint16(avail[4:]))
}

// put writes entry at and says that there are n entries.
func (u used) put(at int, id, length uint32, n uint16) {
	binary.LittleEndian.PutUint32(u.ring[4+8*at:], id)
	binary.LittleEndian.PutUint32(u.ring[8+8*at:], length)
	binary.LittleEndian.PutUint16(u.ring[2:], n)
}

// TestABackEndThatLiesLosesItsSession has one do to the rings what it must not: the port goes down with a reason, every
// frame comes home (the pool says so at the end), and the next back end is as welcome as any.
func TestABackEndThatLiesLosesItsSession(t *testing.T) {
	const room = 2048 - frame.Headroom
	for name, tc := range map[string]struct {
		lie  func(b *backend)
		want string
	}{
		"receive: an id beyond the ring":    {func(b *backend) { u, _ := b.used(0); u.put(0, 64, 72, 1) }, "chain 64"},
		"receive: an id of 32 bits":         {func(b *backend) { u, h := b.used(0); u.put(0, 1<<16|h, 72, 1) }, "gives back chain"},
		"receive: the same one twice":       {func(b *backend) { u, h := b.used(0); b.give(0, headed(packet(1, 60), 1)); u.put(1, h, 72, 2) }, "does not have"},
		"receive: more than there are":      {func(b *backend) { u, h := b.used(0); u.put(0, h, 72, 65) }, "65 chains"},
		"receive: an index that goes back":  {func(b *backend) { u, h := b.used(0); u.put(0, h, 72, 0xffff) }, "65535 chains"},
		"receive: shorter than a header":    {func(b *backend) { u, h := b.used(0); u.put(0, h, nethdr.Size-1, 1) }, "11 bytes"},
		"receive: nothing written":          {func(b *backend) { u, h := b.used(0); u.put(0, h, 0, 1) }, "0 bytes"},
		"receive: longer than the buffer":   {func(b *backend) { u, h := b.used(0); u.put(0, h, room+nethdr.Size+1, 1) }, "to a buffer of 1676"},
		"receive: 4 GiB":                    {func(b *backend) { u, h := b.used(0); u.put(0, h, 1<<32-1, 1) }, "to a buffer of 1676"},
		"receive: a packet of no buffers":   {func(b *backend) { b.give(0, headed(packet(1, 60), 0)) }, "takes 0 buffers"},
		"receive: a packet of 65 buffers":   {func(b *backend) { b.give(0, headed(packet(1, 60), 65)) }, "takes 65 buffers"},
		"receive: a packet of 65535":        {func(b *backend) { b.give(0, headed(packet(1, 60), 65535)) }, "takes 65535 buffers"},
		"receive: a second buffer of 4 GiB": {func(b *backend) { b.give(0, headed(packet(1, 60), 2)); u, _ := b.used(0); u.put(1, 1, 1<<32-1, 2) }, "to a buffer of 1676"},
		"send: an id beyond the ring":       {func(b *backend) { u, _ := b.used(1); u.put(0, 1000, 0, 1) }, "chain 1000"},
		"send: what was not sent":           {func(b *backend) { u, _ := b.used(1); u.put(0, 63, 0, 1) }, "chain 63"},
		"send: more than there are":         {func(b *backend) { u, h := b.used(1); u.put(0, h, 0, 60) }, "60 chains"},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, Options{Split: true, NoInOrder: true})
			b := connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			poll(t, p, 0)
			var some [][]byte
			for i := range uint32(40) { // more than half: the next Send looks for what came back
				some = append(some, packet(i, 60))
			}
			send(t, p, 0, some...)
			tc.lie(b)
			poll(t, p, 0)
			send(t, p, 0, packet(1, 60))
			linked(t, p, false)
			wantReason(t, p, tc.want)
			if n := value(t, p, "vhost_faults"); n != 1 {
				t.Errorf("%d faults are counted", n)
			}
			<-b.ended
			worksAgain(t, p)
		})
	}
}

// TestALieThatIsSeenBeforeAWorkerSleepsEndsTheSession has the worker ask to be woken, and look for packets no more.
func TestALieThatIsSeenBeforeAWorkerSleepsEndsTheSession(t *testing.T) {
	p := openPort(t, Options{Split: true})
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	poll(t, p, 0)
	u, head := b.used(0)
	u.put(0, head, 72, 65)
	if p.rx[0].Arm() {
		t.Error("there is something to take from a ring that lies")
	}
	linked(t, p, false)
	wantReason(t, p, "65 chains")
	<-b.ended
	worksAgain(t, p)
}

// TestAPackedRingThatLiesLosesItsSession is the same for the other layout: ids and lengths are in the descriptors.
func TestAPackedRingThatLiesLosesItsSession(t *testing.T) {
	for name, tc := range map[string]struct {
		id     uint16
		length uint32
		want   string
	}{
		"an id beyond the ring":   {64, 72, "chain 64"},
		"every bit":               {0xffff, 72, "chain 65535"},
		"longer than the buffer":  {0, 1 << 31, "to a buffer of 1676"},
		"shorter than the header": {0, 1, "1 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, Options{NoInOrder: true})
			b := connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			poll(t, p, 0)
			desc := b.memory(b.rings[0].addr.Desc, 16)
			binary.LittleEndian.PutUint32(desc[8:], tc.length)
			binary.LittleEndian.PutUint16(desc[12:], tc.id)
			binary.LittleEndian.PutUint16(desc[14:], 1<<15|1<<7|2) // used, available, written
			poll(t, p, 0)
			linked(t, p, false)
			wantReason(t, p, tc.want)
			worksAgain(t, p)
		})
	}
}

// TestMessagesThatMakeNoSenseEndTheSession has the back end answer what nobody would.
func TestMessagesThatMakeNoSenseEndTheSession(t *testing.T) {
	refuse := func(what proto.Request) func(*backend, *proto.Message) bool {
		return func(b *backend, m *proto.Message) bool {
			if m.Request == what {
				b.conn.Acknowledge(m, proto.ErrRefused)
			}
			return m.Request == what
		}
	}
	answer := func(what proto.Request, p proto.Payload, files int) func(*backend, *proto.Message) bool {
		return func(b *backend, m *proto.Message) bool {
			if m.Request == what {
				b.conn.Reply(m, p, make([]int, files)...)
			}
			return m.Request == what
		}
	}
	for name, tc := range map[string]struct {
		change func(b *backend)
		want   string
	}{
		"no version 1":            {func(b *backend) { b.features &^= proto.Version1 }, "offers no version_1"},
		"fewer queues":            {func(b *backend) { b.pairs = 1 }, "has 1 queue pairs, the port 2"},
		"no way to count queues":  {func(b *backend) { b.protocol &^= proto.PMQ }, "has 1 queue pairs, the port 2"},
		"no protocol features":    {func(b *backend) { b.features &^= proto.ProtocolBit }, "has 1 queue pairs, the port 2"},
		"features refused":        {func(b *backend) { b.twist = refuse(proto.SetFeatures) }, "SET_FEATURES: the other side refuses"},
		"features not OK":         {func(b *backend) { b.twist = answer(proto.GetStatus, proto.U64(proto.StatusAcknowledge), 0) }, "its status is acknowledge"},
		"MTU refused":             {func(b *backend) { b.twist = refuse(proto.NetSetMTU) }, "NET_SET_MTU: the other side refuses"},
		"memory refused":          {func(b *backend) { b.twist = refuse(proto.AddMemReg) }, "ADD_MEM_REG: the other side refuses"},
		"no room for memory":      {func(b *backend) { b.twist = answer(proto.GetMaxMemSlots, proto.U64(1), 0) }, "room for 1 regions"},
		"a ring refused":          {func(b *backend) { b.twist = refuse(proto.SetVringAddr) }, "ring 0: SET_VRING_ADDR"},
		"features of four bytes":  {func(b *backend) { b.twist = answer(proto.GetFeatures, proto.Opaque{1, 2, 3, 4}, 0) }, "payload of the wrong size"},
		"features with a file":    {func(b *backend) { b.twist = answer(proto.GetFeatures, proto.U64(everything), 1) }, "wrong number of descriptors"},
		"no memory for in flight": {func(b *backend) { b.twist = answer(proto.GetInflightFD, proto.Inflight{}, 0) }, "no memory for 4 rings"},
		"configuration too long": {func(b *backend) {
			b.twist = answer(proto.GetConfig, proto.Opaque(make([]byte, proto.MaxPayload)), 0)
		}, "payload of the wrong size"},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, Options{Queues: 2})
			b := connectTo(t, p.o.Path)
			tc.change(b)
			go b.serve()
			<-b.ended
			eventually(t, func() bool { return p.State().Last != nil }, "the session goes on")
			wantReason(t, p, tc.want)
			if p.LinkUp() {
				t.Error("there is a link")
			}
			worksAgain(t, p)
		})
	}
}

func TestWhatNobodyAskedForEndsTheSession(t *testing.T) {
	p := openPort(t, Options{})
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	b.conn.Reply(&proto.Message{Request: proto.GetFeatures}, proto.U64(0))
	linked(t, p, false)
	wantReason(t, p, "flags that do not belong there")
	worksAgain(t, p)
}

// A back end takes O_NONBLOCK off descriptors that are the front end's as well, and makes them block. Nobody waits for it.
func TestABackEndCannotKeepAWorkerInTheKernel(t *testing.T) {
	p := openPort(t, Options{})
	if !p.tx[0].kick.bell.IsOpen() {
		t.Skip("a kernel without asynchronous operations")
	}
	b := blocking(t, p)
	send(t, p, 0, packet(1, 60))
	if n, _ := p.tx[0].kick.bell.Writes(); n != 0 {
		t.Errorf("the worker has written to the descriptor %d times", n)
	}
	linked(t, p, true)
	unix.SetNonblock(b.rings[1].kick, true)
}

// Where the kernel has no way to ring without waiting, who waits is freed, and the session ends.
func TestAWorkerThatABackEndKeepsInTheKernelIsFreed(t *testing.T) {
	p := openPort(t, Options{})
	for _, q := range p.rings() {
		q.kick.bell.Close()
		q.call.bell.Close()
	}
	blocking(t, p)
	start := time.Now()
	send(t, p, 0, packet(1, 60))
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("the worker was held up for %v", d)
	}
	linked(t, p, false)
	wantReason(t, p, "made a descriptor block")
	worksAgain(t, p)
}

// blocking returns a back end whose descriptors block who writes to them, or reads.
func blocking(t testing.TB, p *Port) *backend {
	t.Helper()
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	poll(t, p, 0)
	unix.SetNonblock(b.rings[0].call, false)
	for range 2 { // the second reads what nobody has written
		p.rx[0].Arm()
		poll(t, p, 0)
	}
	linked(t, p, true)
	fillUp(b.rings[1].kick)
	b.rings[1].Kicks(true)
	return b
}

// fillUp makes an eventfd block who writes to it.
func fillUp(fd int) {
	var word [8]byte
	unix.Read(fd, word[:]) // the one that starts the ring, if there is one
	unix.SetNonblock(fd, false)
	unix.Write(fd, binary.NativeEndian.AppendUint64(nil, 1<<64-2))
}

// wantReason checks what ended the last session.
func wantReason(t testing.TB, p *Port, want string) {
	t.Helper()
	eventually(t, func() bool { return p.State().Last != nil }, "no reason")
	if err := p.State().Last; !strings.Contains(err.Error(), want) {
		t.Errorf("ended by %q, want %q", err, want)
	}
}

// worksAgain has a good back end connect.
func worksAgain(t testing.TB, p *Port) {
	t.Helper()
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	send(t, p, 0, packet(1, 60))
	wantPackets(t, b.take(1), [][]byte{packet(1, 60)}, nethdr.Size)
	poll(t, p, 0)
	b.give(0, headed(packet(2, 60), 1))
	wantPackets(t, poll(t, p, 0), [][]byte{packet(2, 60)}, 0)
}
