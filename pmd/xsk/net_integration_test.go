//go:build integration

package xsk

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A world is a namespace for the switch and one for each host on a veth pair of its own. The test's
// goroutine is locked to its thread and in the switch's namespace, except within on.
type world struct {
	t     testing.TB
	sw    netns.NsHandle
	hosts []*host
}

// A host is one end of a veth pair, in a namespace of its own.
type host struct {
	w    *world
	ns   netns.NsHandle
	port string // the other end, in the switch's namespace
	ip   net.IP
	mac  net.HardwareAddr
}

// A pair says how to make a host's veth pair.
type pair struct {
	mtu            int // 0: 1500
	rx, tx         int // queues of the switch's end; 0: 1
	peerRx, peerTx int // queues of the host's end; 0: 1
}

// newWorld makes namespaces and pairs; all of it goes with the test.
func newWorld(t testing.TB, pairs ...pair) *world {
	t.Helper()
	nstest.NeedNamespaces(t)
	runtime.LockOSThread()
	home, err := netns.Get()
	must(t, err)
	w := &world{t: t}
	t.Cleanup(func() {
		must(t, netns.Set(home))
		for _, h := range w.hosts {
			must(t, h.ns.Close())
		}
		must(t, w.sw.Close())
		must(t, home.Close())
		runtime.UnlockOSThread()
	})
	w.sw, err = netns.New()
	must(t, err)
	for i, p := range pairs {
		w.addHost(i, p)
	}
	return w
}

func (w *world) addHost(i int, p pair) {
	w.t.Helper()
	ns, err := netns.New()
	must(w.t, err)
	h := &host{w: w, ns: ns, port: "v" + string(rune('0'+i)), ip: net.IPv4(10, 9, 0, byte(i+1)).To4()}
	w.hosts = append(w.hosts, h)
	must(w.t, netns.Set(w.sw))
	h.makePair(p)
}

// makePair creates the veth pair and brings both ends up.
func (h *host) makePair(p pair) {
	t := h.w.t
	t.Helper()
	one := func(n int) int { return max(n, 1) }
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = h.port, max(p.mtu, 1500)
	if p.mtu == 0 {
		attrs.MTU = 1500
	}
	attrs.NumRxQueues, attrs.NumTxQueues = one(p.rx), one(p.tx)
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs, PeerName: "e0", PeerNamespace: netlink.NsFd(h.ns), PeerMTU: uint32(attrs.MTU),
		PeerNumRxQueues: uint32(one(p.peerRx)), PeerNumTxQueues: uint32(one(p.peerTx)),
	}))
	must(t, netlink.LinkSetUp(h.portLink()))
	h.on(func() {
		lo, err := netlink.LinkByName("lo")
		must(t, err)
		must(t, netlink.LinkSetUp(lo))
		l, err := netlink.LinkByName("e0")
		must(t, err)
		h.mac = l.Attrs().HardwareAddr
		must(t, netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: h.ip, Mask: net.CIDRMask(24, 32)}}))
		must(t, netlink.LinkSetUp(l))
	})
}

// portLink returns the switch's end.
func (h *host) portLink() netlink.Link {
	l, err := netlink.LinkByName(h.port)
	must(h.w.t, err)
	return l
}

// on runs f in the host's namespace.
func (h *host) on(f func()) {
	must(h.w.t, netns.Set(h.ns))
	defer func() { must(h.w.t, netns.Set(h.w.sw)) }()
	f()
}

// raw returns a packet socket on the host's end of the pair.
func (h *host) raw() *raw {
	r := &raw{t: h.w.t}
	h.on(func() {
		l, err := netlink.LinkByName("e0")
		must(h.w.t, err)
		proto := int(wire16(unix.ETH_P_ALL))
		r.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
		must(h.w.t, err)
		must(h.w.t, unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20))
		must(h.w.t, unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: uint16(proto), Ifindex: l.Attrs().Index}))
	})
	h.w.t.Cleanup(func() { unix.Close(r.fd) })
	return r
}

// A raw is a packet socket that sees only the test's own frames.
type raw struct {
	t  testing.TB
	fd int
}

func (r *raw) send(p []byte) {
	r.t.Helper()
	_, err := unix.Write(r.fd, p)
	must(r.t, err)
}

// recv returns the next test frame that is not from the host itself, or nil after a second.
func (r *raw) recv() []byte {
	buf := make([]byte, 1<<17)
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		n, from, err := unix.Recvfrom(r.fd, buf, 0)
		if err == unix.EAGAIN {
			time.Sleep(50 * time.Microsecond)
			continue
		}
		must(r.t, err)
		if l := from.(*unix.SockaddrLinklayer); l.Pkttype == unix.PACKET_OUTGOING || !isTestFrame(buf[:n]) {
			continue
		}
		return bytes.Clone(buf[:n])
	}
	return nil
}

// testEtherType is IEEE 802's for local experiments: nothing else in a namespace sends it.
const testEtherType = 0x88b5

// testFrame returns a frame of n bytes that is different for each seq.
func testFrame(n int, seq uint32) []byte {
	p := make([]byte, n)
	copy(p, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, testEtherType >> 8, testEtherType & 0xff})
	for i := 14; i < n; i++ {
		p[i] = byte(uint32(i)*7 + seq*13)
	}
	if n >= 18 {
		binary.BigEndian.PutUint32(p[14:], seq)
	}
	return p
}

func isTestFrame(p []byte) bool {
	return len(p) >= 14 && binary.BigEndian.Uint16(p[12:]) == testEtherType
}

// newTestPool returns a pool that the test's end finds whole again.
func newTestPool(t testing.TB, buffers int) *frame.Pool {
	t.Helper()
	return newTestPoolOf(t, frame.Options{Buffers: buffers})
}

func newTestPoolOf(t testing.TB, o frame.Options) *frame.Pool {
	t.Helper()
	o.Huge, o.Audit = frame.HugeNever, true
	pool, err := frame.NewPool(o)
	must(t, err)
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Errorf("close pool: %v", err)
		}
	})
	return pool
}

// open opens a port that is closed at the test's end, before its pool.
func open(t testing.TB, pool *frame.Pool, name string, options map[string]string) *Port {
	t.Helper()
	p, err := New(pool, slog.New(slog.DiscardHandler)).Open(context.Background(), name, options)
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p.(*Port)
}

// note returns the value and reason of a port's note.
func note(p pmd.Port, key string) pmd.Note {
	for _, n := range p.Info().Notes {
		if n.Key == key {
			return n
		}
	}
	return pmd.Note{}
}

// A forwarder moves frames between two ports, both ways, until it is closed.
type forwarder struct {
	stop, done chan struct{}
}

// startForwarder forwards all queues of both ports; see, if not nil, is shown every frame.
func startForwarder(a, b pmd.Port, see func(f frame.Frame)) *forwarder {
	f := &forwarder{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		var batch frame.Batch
		pairs := [][2]pmd.Port{{a, b}, {b, a}}
		for {
			select {
			case <-f.stop:
				return
			default:
			}
			idle := true
			for _, p := range pairs {
				txs := p[1].TxQueues()
				for i, rx := range p[0].RxQueues() {
					tx := txs[i%len(txs)]
					if rx.Recv(&batch) > 0 {
						idle = false
						for _, f := range batch.Frames() {
							if see != nil {
								see(f)
							}
						}
						tx.Send(&batch)
					}
				}
				for _, tx := range txs {
					tx.Flush()
				}
			}
			if idle {
				runtime.Gosched()
			}
		}
	}()
	return f
}

func (f *forwarder) close() {
	close(f.stop)
	<-f.done
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for cond, 20 seconds at most.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("not within 20 seconds: %s", what)
}
