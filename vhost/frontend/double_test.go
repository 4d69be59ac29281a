package frontend

import (
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// A half is the device's half of a ring, of either layout.
type half interface {
	Take(*virtq.Chains, int) (int, error)
	Give(*virtq.Chains, int)
	Publish()
	Interrupt() bool
	Kicks(bool) bool
	Position() uint32
}

// A backend is the other side under a test's control: it answers messages and opens the rings; what becomes of those is
// for the test.
type backend struct {
	t        testing.TB
	conn     *proto.Conn
	back     *proto.Conn // its own channel, if it was given one
	features proto.Features
	protocol proto.ProtocolFeatures
	pairs    uint64
	config   proto.NetConfig
	// twist, when set, sees each message first and says whether it has dealt with it.
	twist func(b *backend, m *proto.Message) bool

	mu       sync.Mutex // guards what tests use meanwhile: twist, config, log, rings
	maps     []*mem.Mapping
	table    *mem.Table
	log      *mem.Log
	rings    []backRing
	inflight *mem.Mapping
	status   proto.Status
	ready    chan struct{} // closed when the last ring was enabled
	ended    chan struct{} // closed when the connection is
}

// A backRing is what the front end says of one ring.
type backRing struct {
	half
	addr       proto.VringAddr
	size, base uint32
	kick, call int
	enabled    bool
}

// everything is what a good back end has.
const everything = proto.Version1 | proto.ProtocolBit | proto.MrgRxbuf | proto.RingPacked | proto.InOrder | proto.EventIdx | proto.IndirectDesc |
	proto.Csum | proto.HostTSO4 | proto.HostTSO6 | proto.HostECN | proto.GuestCsum | proto.GuestTSO4 | proto.GuestTSO6 |
	proto.GuestECN | proto.NetMTU | proto.NetStatus | proto.MQ | proto.LogAll

const everyProtocol = proto.PMQ | proto.PReplyAck | proto.PMTU | proto.PBackendReq | proto.PConfig | proto.PLogShmFD |
	proto.PConfigureMemSlots | proto.PStatus | proto.PRARP | proto.PInflightShmFD

// connectTo connects to a port that listens on path, without saying anything yet.
func connectTo(t testing.TB, path string) *backend {
	t.Helper()
	var sock net.Conn
	var err error
	for range 200 {
		if sock, err = net.Dial("unix", path); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	return newBackend(t, sock.(*net.UnixConn))
}

// newBackend returns a back end that has said nothing yet.
func newBackend(t testing.TB, sock *net.UnixConn) *backend {
	b := &backend{
		t: t, conn: proto.NewConn(sock), features: everything, protocol: everyProtocol, pairs: 8,
		config: proto.NetConfig{Status: proto.NetLinkUp, MaxPairs: 8, MTU: 1500},
		ready:  make(chan struct{}), ended: make(chan struct{}),
	}
	b.conn.SetTimeout(5 * time.Second)
	t.Cleanup(b.close)
	return b
}

// serve answers messages until the connection ends.
func (b *backend) serve() {
	defer close(b.ended)
	for {
		m, err := b.conn.Receive()
		if err != nil {
			return
		}
		b.mu.Lock()
		if b.twist == nil || !b.twist(b, m) {
			err = b.handle(m)
		}
		b.mu.Unlock()
		m.Close()
		if err != nil {
			return
		}
	}
}

func (b *backend) handle(m *proto.Message) error {
	if m.HasReply() {
		return b.reply(m)
	}
	return b.conn.Acknowledge(m, b.obey(m))
}

func (b *backend) reply(m *proto.Message) error {
	switch m.Request {
	case proto.GetFeatures:
		return b.conn.Reply(m, proto.U64(b.features))
	case proto.GetProtocolFeatures:
		return b.conn.Reply(m, proto.U64(b.protocol))
	case proto.GetQueueNum:
		return b.conn.Reply(m, proto.U64(b.pairs))
	case proto.GetMaxMemSlots:
		return b.conn.Reply(m, proto.U64(32))
	case proto.GetStatus:
		return b.conn.Reply(m, proto.U64(b.status))
	case proto.GetConfig:
		return b.conn.Reply(m, proto.Config{Data: b.config.Append(nil)})
	case proto.GetVringBase:
		s := m.Payload.(proto.VringState)
		if r := b.ring(s.Index); r.half != nil {
			s.Num = r.Position()
		}
		return b.conn.Reply(m, s)
	case proto.GetInflightFD:
		return b.giveInflight(m)
	case proto.SetLogBase:
		l := m.Payload.(proto.Log)
		var err error
		if b.log, err = mem.MapLog(m.Take(0), l.Size, l.Offset); err != nil {
			return err
		}
		return b.conn.Reply(m, nil)
	}
	b.t.Errorf("no answer to %s", m.Request)
	return nil
}

func (b *backend) giveInflight(m *proto.Message) error {
	i := m.Payload.(proto.Inflight)
	i.Size = uint64(roundUp(int(i.Queues) * virtq.InflightBytes(b.packed(), int(i.QueueSize))))
	fd, err := unix.MemfdCreate("inflight", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(i.Size)); err != nil {
		return err
	}
	return b.conn.Reply(m, i, fd)
}

func (b *backend) packed() bool { return b.features.Has(proto.RingPacked) }

// ring returns the ring called i.
func (b *backend) ring(i uint32) *backRing {
	for uint32(len(b.rings)) <= i {
		b.rings = append(b.rings, backRing{kick: -1, call: -1})
	}
	return &b.rings[i]
}

// obey does what a message says that has no reply of its own.
func (b *backend) obey(m *proto.Message) error {
	switch p := m.Payload.(type) {
	case proto.MemTable:
		for i, r := range p {
			if err := b.addRegion(r, m.Take(i)); err != nil {
				return err
			}
		}
	case proto.Region:
		return b.addRegion(p, m.Take(0))
	case proto.Inflight:
		fd := m.Take(0)
		defer unix.Close(fd)
		var err error
		b.inflight, err = mem.Map(fd, mem.Region{Size: p.Size, Offset: p.Offset})
		return err
	case proto.VringAddr:
		b.ring(p.Index).addr = p
	case proto.VringFile:
		b.setFile(m, p)
	case proto.VringState:
		return b.setState(m.Request, p)
	case proto.U64:
		switch m.Request {
		case proto.SetFeatures:
			b.features = proto.Features(p)
		case proto.SetProtocolFeatures:
			b.protocol = proto.ProtocolFeatures(p)
			b.conn.SetAcks(b.protocol.Has(proto.PReplyAck))
		case proto.SetStatus:
			b.status = proto.Status(p)
		}
	case nil:
		if m.Request == proto.SetBackendReqFD {
			var err error
			if b.back, err = proto.BackendConnOf(m.Take(0), new(proto.Bin)); err == nil {
				b.back.SetAcks(b.protocol.Has(proto.PReplyAck))
			}
			return err
		}
	}
	return nil
}

func (b *backend) setFile(m *proto.Message, p proto.VringFile) {
	r := b.ring(uint32(p.Index))
	if m.Request == proto.SetVringKick {
		r.kick = m.Take(0)
	} else {
		r.call = m.Take(0)
	}
}

func (b *backend) setState(what proto.Request, p proto.VringState) error {
	r := b.ring(p.Index)
	switch what {
	case proto.SetVringNum:
		r.size = p.Num
	case proto.SetVringBase:
		r.base = p.Num
	case proto.SetVringEnable:
		r.enabled = p.Num == 1
		if r.half == nil {
			if err := b.openRing(r, int(p.Index)); err != nil {
				b.t.Errorf("ring %d: %v", p.Index, err)
				return err
			}
		}
		for i := range b.rings {
			if !b.rings[i].enabled {
				return nil
			}
		}
		select {
		case <-b.ready:
		default:
			close(b.ready)
		}
	}
	return nil
}

func (b *backend) addRegion(r proto.Region, fd int) error {
	defer unix.Close(fd)
	m, err := mem.Map(fd, mem.Region(r))
	if err != nil {
		b.t.Error(err)
		return err
	}
	b.maps = append(b.maps, m)
	if b.table, err = mem.NewTable(b.maps...); err != nil {
		b.t.Error(err)
	}
	return err
}

func (b *backend) openRing(r *backRing, i int) (err error) {
	c := virtq.Config{
		Size: int(r.size), Desc: r.addr.Desc, Driver: r.addr.Avail, Device: r.addr.Used, Position: r.base,
		EventIndex: b.features.Has(proto.EventIdx), Indirect: b.features.Has(proto.IndirectDesc), InOrder: b.features.Has(proto.InOrder), Log: b.log,
	}
	if b.inflight != nil {
		n := virtq.InflightBytes(b.packed(), c.Size)
		c.Inflight = b.inflight.Bytes()[i*n:][:n]
	}
	if b.packed() {
		r.half, err = virtq.NewPacked(b.table, c)
	} else {
		r.half, err = virtq.NewSplit(b.table, c)
	}
	if err == nil {
		r.Kicks(false)
	}
	return err
}

// await waits until the rings are there.
func (b *backend) await() *backend {
	b.t.Helper()
	select {
	case <-b.ready:
	case <-b.ended:
		b.t.Fatal("the connection ended before the rings were there")
	case <-time.After(5 * time.Second):
		b.t.Fatal("no rings after 5 s")
	}
	return b
}

// begin serves and waits until the rings are there.
func (b *backend) begin() *backend {
	b.t.Helper()
	go b.serve()
	return b.await()
}

// die closes the connection as a process that is killed does: the rings stay as they are.
func (b *backend) die() {
	b.conn.Close()
	<-b.ended
}

// close may be called twice.
func (b *backend) close() {
	b.conn.Close()
	if b.back != nil {
		b.back.Close()
	}
	for i := range b.rings {
		for _, fd := range []*int{&b.rings[i].kick, &b.rings[i].call} {
			if *fd >= 0 {
				unix.Close(*fd)
				*fd = -1
			}
		}
	}
	if b.table != nil {
		b.table.Close()
		b.table = nil
	}
	if b.inflight != nil {
		b.inflight.Close()
		b.inflight = nil
	}
}

// watch has see look at each message from now on.
func (b *backend) watch(see func(*proto.Message)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.twist = func(_ *backend, m *proto.Message) bool {
		see(m)
		return false
	}
}

// setLink changes what the configuration space says of the link.
func (b *backend) setLink(up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.config.Status = 0; up {
		b.config.Status = proto.NetLinkUp
	}
}

// logs notes a write at the guest-physical address a.
func (b *backend) logs(a uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log.Mark(a, 1)
}

// socketPath returns the path of a socket in a directory that goes with the test.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vhost") // not t.TempDir: names of tests make paths too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir + "/s"
}
