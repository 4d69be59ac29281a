//go:build integration

package tap

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
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

// pair is two hosts, each with a tap, that are connected.
func pair(t testing.TB, o Options) (a, b *nstest.NS, pa, pb *Port) {
	t.Helper()
	o.Pool = newPool(t)
	a, b = nstest.New(t), nstest.New(t)
	oa, ob := o, o
	oa.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64")}
	ob.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("2001:db8::2/64")}
	pa, pb = openIn(t, a, "tap0", oa), openIn(t, b, "tap0", ob)
	nstest.Connect(t, pa, pb, nil)
	return a, b, pa, pb
}

func TestTwoHostsTalk(t *testing.T) {
	for _, tc := range []struct {
		name  string
		o     Options
		sizes []int // of UDP payloads
	}{
		{"with one queue", Options{}, []int{0, 1, 1472, 4000}},
		{"with four queues", Options{Queues: 4}, []int{0, 1472}},
		{"with jumbo frames", Options{MTU: 9000}, []int{1472, 8972, 20000}},
		{"with frames of 64 KiB", Options{MTU: MaxMTU}, []int{65000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b, pa, pb := pair(t, tc.o)
			b.Ping("192.0.2.1", 56)
			a.UDP(b, "192.0.2.1", tc.sizes...)
			took := a.TCP(b, "192.0.2.1", 8<<20)
			t.Logf("TCP: %.0f Mbit/s", float64(8<<20*8)/took.Seconds()/1e6)
			if !pa.LinkUp() || !pb.LinkUp() {
				t.Error("no link")
			}
			if got, want := pa.Info().MTU, max(tc.o.MTU, 1500); got != want {
				t.Errorf("MTU is %d, want %d", got, want)
			}
		})
	}
}

func TestTagsComeAsTheyWereSent(t *testing.T) {
	n := nstest.New(t)
	pool := newPool(t)
	p := openIn(t, n, "tap0", Options{Pool: pool})
	for _, tags := range []string{"", "\x81\x00\x00\x64", "\x88\xa8\x00\x07\x81\x00\x00\x64"} {
		want := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02" + tags + "\x88\xb5" + strings.Repeat("x", 1400))
		n.Send("tap0", want)
		if got := receive(t, p, 0x88b5); !bytes.Equal(got, want) {
			t.Errorf("sent % x…, got % x…", want[:26], got[:26])
		}
	}
}

// receive returns the next packet that has the Ethernet type somewhere in its first bytes: the host
// sends others of its own accord.
func receive(t *testing.T, p *Port, kind uint16) []byte {
	t.Helper()
	var b frame.Batch
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		p.rx[0].Recv(&b)
		var found []byte
		for _, f := range b.Frames() {
			data := p.tx[0].pool.AppendTo(nil, f)
			if bytes.Contains(data[:min(len(data), 24)], []byte{byte(kind >> 8), byte(kind)}) {
				found = data
			}
		}
		p.tx[0].cache.PutBatch(&b)
		if found != nil {
			return found
		}
	}
	t.Fatal("nothing came")
	return nil
}

// wait fails the test unless the port stops for the reason wanted.
func wait(t *testing.T, p *Port, want string) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the port did not stop")
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	if p.LinkUp() {
		t.Error("a port that stopped has a link")
	}
}

func TestPortFollowsItsDevice(t *testing.T) {
	link := func(change func(netlink.Link) error) func() error {
		return func() error {
			l, err := netlink.LinkByName("tap0")
			if err != nil {
				return err
			}
			return change(l)
		}
	}
	for _, tc := range []struct {
		name   string
		change func(netlink.Link) error
		want   string
	}{
		{"deleted", netlink.LinkDel, netdev.ErrGone.Error()},
		{"renamed", func(l netlink.Link) error {
			return errors.Join(netlink.LinkSetDown(l), netlink.LinkSetName(l, "other"))
		}, "tap0 was renamed to other"},
		{"given another MTU", func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1400) }, "changed from 1500 to 1400"},
		{"given another address", func(l netlink.Link) error {
			return netlink.LinkSetHardwareAddr(l, net.HardwareAddr{2, 0, 0, 0, 0, 9})
		}, "to 02:00:00:00:00:09"},
	} {
		t.Run("a device that is "+tc.name+" stops it, traffic running", func(t *testing.T) {
			a, b, pa, _ := pair(t, Options{})
			a.UDP(b, "192.0.2.1", 100)
			a.Do(link(tc.change))
			wait(t, pa, tc.want)
		})
	}
	t.Run("a queue that finds the device deleted takes the link away at once", func(t *testing.T) {
		_, _, pa, _ := pair(t, Options{})
		pa.gone()
		if pa.LinkUp() {
			t.Error("a port that stopped has a link")
		}
	})
	t.Run("a device that goes down and up does not", func(t *testing.T) {
		a, b, pa, _ := pair(t, Options{})
		for _, up := range []bool{false, true} {
			a.Do(link(func(l netlink.Link) error {
				if up {
					return netlink.LinkSetUp(l)
				}
				return netlink.LinkSetDown(l)
			}))
			for deadline := time.Now().Add(10 * time.Second); pa.LinkUp() != up; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the device is up: %v, the port does not notice", up)
				}
			}
		}
		a.UDP(b, "192.0.2.1", 100)
		if err := pa.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestSendIsCountedByOutcome(t *testing.T) {
	n := nstest.New(t)
	pool := newPool(t)
	p := openIn(t, n, "tap%d", Options{Pool: pool, MTU: 1000})
	if got := p.Device(); got != "tap0" {
		t.Errorf("device is %s, want tap0", got)
	}
	q := p.tx[0]
	var b frame.Batch
	send := func(sizes ...int) {
		for _, size := range sizes {
			data := make([]byte, size)
			if size > 0 {
				data[0] = 2
			}
			f, _ := q.cache.FromBytes(data)
			b.Append(f)
		}
		q.Send(&b)
	}
	send(0, 13, 14, 1000+tagRoom, 1000+tagRoom+1)
	n.Do(func() error {
		l, err := netlink.LinkByName("tap0")
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(l)
	})
	send(60)
	q.counters.Publish()
	want := map[int]uint64{pmd.TxPackets: 2, pmd.TxBytes: 14 + 1000 + tagRoom, txRunt: 2, pmd.TxTooLong: 1, txDown: 1}
	for i, n := range want {
		if got := q.counters.Value(i); got != n {
			t.Errorf("%s is %d, want %d", q.counters.Desc()[i].Name, got, n)
		}
	}
}

func TestPersistentDeviceStays(t *testing.T) {
	n := nstest.New(t)
	pool := newPool(t)
	o := Options{Pool: pool, Persist: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 7}, MTU: 1400}
	p := openIn(t, n, "keep0", o)
	n.Do(func() error {
		if _, err := Open("other", Options{Pool: pool, Device: "keep0"}); err == nil || !strings.Contains(err.Error(), "somebody else") {
			t.Errorf("second port on a device: error %v", err)
		}
		return p.Close()
	})
	again := openIn(t, n, "other", Options{Pool: pool, Device: "keep0"})
	if got := again.Info(); got.MTU != 1400 || got.MAC.String() != "02:00:00:00:00:07" {
		t.Errorf("the device came back as %+v", got)
	}
	n.Do(func() error {
		l, err := netlink.LinkByName("keep0")
		if err != nil {
			return err
		}
		return netlink.LinkDel(l)
	})
}

func TestBadOptionsLeaveNothingBehind(t *testing.T) {
	n := nstest.New(t)
	pool := newPool(t)
	d := New(pool, slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		name    string
		options map[string]string
		want    string
	}{
		{"lo", nil, "the device is no tap"},
		{"tap0", map[string]string{"queues": "257"}, "option queues"},
		{"tap0", map[string]string{"address": "192.0.2.1"}, "option address"},
		{"tap0", map[string]string{"vnet": "1"}, "option vnet: unknown"},
		{"tap0", map[string]string{"device": "a-name-that-is-too-long"}, "at most 15"},
		{"tap0", map[string]string{"device": "a/b"}, "attach to device a/b"},
	} {
		n.Do(func() error {
			p, err := d.Open(t.Context(), tc.name, tc.options)
			if err == nil || p != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s %v: port %v, error %v, want %q", tc.name, tc.options, p, err, tc.want)
			}
			if _, err := netlink.LinkByName("tap0"); err == nil {
				t.Errorf("%s %v: the device is there", tc.name, tc.options)
			}
			return nil
		})
	}
}

func TestQueuesAllocateNothing(t *testing.T) {
	n := nstest.New(t)
	p := openIn(t, n, "tap0", Options{Pool: newPool(t), MTU: 9000})
	b := new(frame.Batch)
	rx, tx := p.RxQueues()[0], p.TxQueues()[0]
	packet := make([]byte, 9014) // to nobody: the host drops it
	packet[0] = 2
	got := testing.AllocsPerRun(100, func() {
		f, _ := p.tx[0].cache.FromBytes(packet)
		b.Append(f)
		tx.Send(b)
		rx.Recv(b)
		tx.Send(b)
	})
	if got != 0 {
		t.Errorf("%v allocations per cycle", got)
	}
}

// BenchmarkTap is a host that sends small packets through the switch, and gets some: the price of one
// system call per packet and what the host's stack does in it.
func BenchmarkTap(b *testing.B) {
	n := nstest.New(b)
	p := openIn(b, n, "tap0", Options{Pool: newPool(b)})
	packet := append([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x88\xb5"), make([]byte, 50)...)
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
		var fd int
		n.Do(func() (err error) {
			fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			return err
		})
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Ifindex: p.dev.Index()}
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
