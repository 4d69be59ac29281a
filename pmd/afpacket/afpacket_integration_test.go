//go:build integration

package afpacket

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/netdev"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"github.com/culvertdev/culvert/ring/frame"
)

// A net of two hosts on veth pairs, whose other ends are ports in a namespace between them.
type network struct {
	a, b, between *nstest.NS
	pa, pb        *Port
	pool          *frame.Pool
}

func newNetwork(t *testing.T, mtu, queues int) *network {
	t.Helper()
	n := &network{pool: newPool(t, 16384), a: nstest.New(t), b: nstest.New(t), between: nstest.New(t)}
	n.between.Veth("va", n.a, "eth0", mtu, queues)
	n.between.Veth("vb", n.b, "eth0", mtu, queues)
	n.a.Set("eth0", 0, "192.0.2.1/24", "2001:db8::1/64")
	n.b.Set("eth0", 0, "192.0.2.2/24", "2001:db8::2/64")
	n.pa = openIn(t, n.between, "va", Options{Pool: n.pool, Queues: queues})
	n.pb = openIn(t, n.between, "vb", Options{Pool: n.pool, Queues: queues})
	return n
}

// openIn opens a port whose device is in n.
func openIn(t testing.TB, n *nstest.NS, name string, o Options) *Port {
	t.Helper()
	var p *Port
	n.Do(func() (err error) { p, err = Open(name, o); return err })
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestTwoHostsTalk(t *testing.T) {
	for _, tc := range []struct {
		name        string
		mtu, queues int
		sizes       []int // of UDP payloads
	}{
		{"with one queue", 1500, 1, []int{0, 1, 1472, 20000}},
		{"with four queues", 1500, 4, []int{0, 1472}},
		{"with jumbo frames", 9000, 1, []int{1472, 8972, 20000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNetwork(t, tc.mtu, tc.queues)
			c := newCompleter(t, n.pool)
			patch := nstest.Connect(t, n.pa, n.pb, c.send)
			n.b.Ping("192.0.2.1", 56)
			n.a.UDP(n.b, "192.0.2.1", tc.sizes...)
			n.a.UDP(n.b, "2001:db8::1", 100)
			took := n.a.TCP(n.b, "192.0.2.1", 8<<20)
			patch.Stop()
			t.Logf("TCP: %.0f Mbit/s", float64(8<<20*8)/took.Seconds()/1e6)
			if c.whole == 0 {
				t.Error("no packet had its checksum left out: nothing was shown")
			}
			var partial, cut uint64
			for _, q := range n.pb.rx {
				q.counters.Publish()
				partial += q.counters.Value(rxPartial)
				cut += q.counters.Value(rxSegments)
				for _, drop := range []int{rxNoBuffer, rxTooLong, rxBadOffload, rxRunt, rxErrors} {
					if v := q.counters.Value(drop); v != 0 {
						t.Errorf("%s is %d", q.counters.Desc()[drop].Name, v)
					}
				}
			}
			if partial == 0 || cut == 0 {
				t.Errorf("%d packets without checksum and %d to cut, want some of each", partial, cut)
			}
		})
	}
}

func TestFlowsAreDividedBetweenQueues(t *testing.T) {
	n := newNetwork(t, 1500, 2)
	fd, to := rawSocket(t, n.a), &unix.SockaddrLinklayer{Ifindex: index(t, n.a, "eth0")}
	for i := range 64 {
		if err := unix.Sendto(fd, udp(uint16(1000+i)), 0, to); err != nil {
			t.Fatal(err)
		}
	}
	var b frame.Batch
	for i, q := range n.pa.rx {
		got := 0
		for range 10 {
			got += q.Recv(&b)
			n.pa.tx[i].cache.PutBatch(&b)
		}
		if got < 8 {
			t.Errorf("queue %d received %d of 64 flows", i, got)
		}
	}
}

// udp returns a UDP packet over IPv4 from that port.
func udp(port uint16) []byte {
	p := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" +
		"\x45\x00\x00\x1c\x00\x00\x40\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02" +
		"\x00\x00\x00\x35\x00\x08\x00\x00")
	p[34], p[35] = byte(port>>8), byte(port)
	return p
}

// receive returns the next packet that has type 0x88b5 in its first bytes: the hosts send others of
// their own accord.
func receive(t *testing.T, p *Port) []byte {
	t.Helper()
	var b frame.Batch
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		p.rx[0].Recv(&b)
		var found []byte
		for _, f := range b.Frames() {
			data := p.rx[0].pool.AppendTo(nil, f)
			if bytes.Contains(data[:min(len(data), 24)], []byte{0x88, 0xb5}) {
				found = data
			}
		}
		p.rx[0].cache.PutBatch(&b)
		if found != nil {
			return found
		}
	}
	t.Fatal("nothing came")
	return nil
}

func TestTagsComeAsTheyWereSent(t *testing.T) {
	n := newNetwork(t, 1500, 1)
	for _, tags := range []string{"", "\x81\x00\x20\x64", "\x88\xa8\x00\x07\x81\x00\x00\x64"} {
		want := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02" + tags + "\x88\xb5" + strings.Repeat("x", 1400))
		n.a.Send("eth0", want)
		if got := receive(t, n.pa); !bytes.Equal(got, want) {
			t.Errorf("sent % x…, got % x…", want[:26], got[:26])
		}
	}
	n.pa.rx[0].counters.Publish()
	if got := n.pa.rx[0].counters.Value(rxTagRestored); got != 2 {
		t.Errorf("%d tags were put back, want 2: the test shows less than it says", got)
	}
}

func TestSentPacketsAreNotReceived(t *testing.T) {
	for _, queues := range []int{1, 4} { // a group has a switch of its own for that
		n := newNetwork(t, 1500, queues)
		var b frame.Batch
		tx := n.pa.tx[0]
		for i := range 32 {
			own := udp(uint16(1000 + i))
			f, _ := tx.cache.FromBytes(append(own, "our own"...))
			b.Append(f)
		}
		if got := tx.Send(&b); got != 32 {
			t.Fatalf("%d queues: sent %d packets, want 32", queues, got)
		}
		fd, to := rawSocket(t, n.between), &unix.SockaddrLinklayer{Ifindex: n.pa.dev.Index()}
		for i := range 32 { // the host's, out of the same device
			if err := unix.Sendto(fd, append(udp(uint16(1000+i)), "our own"...), 0, to); err != nil {
				t.Fatal(err)
			}
		}
		for _, q := range n.pa.rx {
			q.Recv(&b)
			for _, f := range b.Frames() {
				if bytes.Contains(n.pool.AppendTo(nil, f), []byte("our own")) {
					t.Errorf("%d queues: received what was sent", queues)
				}
			}
			q.cache.PutBatch(&b)
		}
	}
}

func TestSendIsCountedByOutcome(t *testing.T) {
	n := newNetwork(t, 1400, 1)
	q := n.pa.tx[0]
	var b frame.Batch
	send := func(sizes ...int) {
		for _, size := range sizes {
			data := make([]byte, size)
			copy(data, udp(7)[:12])
			f, _ := q.cache.FromBytes(data)
			b.Append(f)
		}
		q.Send(&b)
	}
	// 1400+15: more than the kernel takes without a tag, in the middle of a batch.
	send(0, 13, 14, 60, 1400+15, 1400+14, 1400+tagRoom+1)
	n.between.Do(func() error {
		l, err := netlink.LinkByName("va")
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(l)
	})
	send(60, 60)
	q.counters.Publish()
	want := map[int]uint64{
		pmd.TxPackets: 3, pmd.TxBytes: 14 + 60 + 1414, txRunt: 2, pmd.TxTooLong: 2, txDown: 2, txRefused: 0,
	}
	for i, n := range want {
		if got := q.counters.Value(i); got != n {
			t.Errorf("%s is %d, want %d", q.counters.Desc()[i].Name, got, n)
		}
	}
}

func TestPortFollowsItsDevice(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(netlink.Link) error
		want   string
	}{
		{"deleted", netlink.LinkDel, netdev.ErrGone.Error()},
		{"given another MTU", func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1400) }, "changed from 1500 to 1400"},
		{"given another address", func(l netlink.Link) error {
			return netlink.LinkSetHardwareAddr(l, net.HardwareAddr{2, 0, 0, 0, 0, 9})
		}, "to 02:00:00:00:00:09"},
	} {
		t.Run("a device that is "+tc.name+" stops it, traffic running", func(t *testing.T) {
			n := newNetwork(t, 1500, 1)
			nstest.Connect(t, n.pa, n.pb, newCompleter(t, n.pool).send)
			n.a.UDP(n.b, "192.0.2.1", 100)
			n.between.Do(func() error {
				l, err := netlink.LinkByName("va")
				if err != nil {
					return err
				}
				return tc.change(l)
			})
			select {
			case <-n.pa.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("the port did not stop")
			}
			if err := n.pa.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	t.Run("a device that loses its link and finds it again does not", func(t *testing.T) {
		n := newNetwork(t, 1500, 1)
		nstest.Connect(t, n.pa, n.pb, newCompleter(t, n.pool).send)
		for _, up := range []bool{false, true} {
			n.a.Do(func() error {
				l, err := netlink.LinkByName("eth0")
				if err != nil {
					return err
				}
				if up {
					return netlink.LinkSetUp(l)
				}
				return netlink.LinkSetDown(l)
			})
			for deadline := time.Now().Add(10 * time.Second); n.pa.LinkUp() != up; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the link is up: %v, the port does not notice", up)
				}
			}
		}
		n.a.UDP(n.b, "192.0.2.1", 100)
		if err := n.pa.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestBacklogDropsAreCounted(t *testing.T) {
	n := newNetwork(t, 1500, 1)
	small := openIn(t, n.between, "vb", Options{Pool: n.pool, Backlog: MinBacklog})
	fd, to := rawSocket(t, n.b), &unix.SockaddrLinklayer{Ifindex: index(t, n.b, "eth0")}
	for range 1000 {
		if err := unix.Sendto(fd, udp(7), 0, to); err != nil {
			t.Fatal(err)
		}
	}
	before := small.Samples(nil)[0].Value
	if before == 0 {
		t.Error("rx_kernel_drop is 0")
	}
	if again := small.Samples(nil)[0].Value; again < before {
		t.Errorf("rx_kernel_drop went from %d to %d", before, again)
	}
}

func TestQueuesAllocateNothing(t *testing.T) {
	n := newNetwork(t, 9000, 1)
	b := new(frame.Batch)
	packet := append(udp(7)[:12], make([]byte, 9000)...)
	rx, tx := n.pb.RxQueues()[0], n.pa.TxQueues()[0]
	fd := rawSocket(t, n.b)
	to := &unix.SockaddrLinklayer{Ifindex: index(t, n.b, "eth0")}
	got := testing.AllocsPerRun(100, func() {
		f, _ := n.pa.tx[0].cache.FromBytes(packet)
		b.Append(f)
		tx.Send(b)
		if err := unix.Sendto(fd, packet, 0, to); err != nil {
			t.Error(err)
		}
		rx.Recv(b)
		tx.Send(b)
	})
	if got != 0 {
		t.Errorf("%v allocations per cycle", got)
	}
}

func rawSocket(t testing.TB, n *nstest.NS) (fd int) {
	t.Helper()
	n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func index(t testing.TB, n *nstest.NS, name string) (i int) {
	t.Helper()
	n.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err == nil {
			i = l.Attrs().Index
		}
		return err
	})
	return i
}

// BenchmarkAFPacket is a container on veth that sends and gets small packets: what the socket costs,
// and for sending what the other side's stack does in it.
func BenchmarkAFPacket(b *testing.B) {
	pool := newPool(b, 4096)
	host, here := nstest.New(b), nstest.New(b)
	here.Veth("va", host, "eth0", 1500, 1)
	p := openIn(b, here, "va", Options{Pool: pool})
	packet := append(udp(7)[:12], "\x88\xb5................................................"...)
	batch := new(frame.Batch)
	b.Run("send/64B", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range 32 {
				f, _ := p.tx[0].cache.FromBytes(packet)
				batch.Append(f)
			}
			p.tx[0].Send(batch)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*32), "ns/pkt")
	})
	b.Run("receive/64B", func(b *testing.B) {
		b.ReportAllocs()
		fd, to := rawSocket(b, host), &unix.SockaddrLinklayer{Ifindex: index(b, host, "eth0")}
		got := 0
		for b.Loop() {
			b.StopTimer()
			for range 32 {
				if err := unix.Sendto(fd, packet, 0, to); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
			got += p.rx[0].Recv(batch)
			p.tx[0].cache.PutBatch(batch)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(got), "ns/pkt")
	})
}
