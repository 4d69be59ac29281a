//go:build integration

package afpacket

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"github.com/culvertdev/culvert/ring/frame"
)

// Packets go out as they came in, and the kernel does at one end what it has left undone at the other.
func TestTheKernelFinishesWhatItsHostsLeft(t *testing.T) {
	n := newNetwork(t, 1500, 1)
	patch := nstest.Connect(t, n.pa, n.pb, nil)
	n.a.UDP(n.b, "192.0.2.1", 1, 1472)
	n.a.UDP(n.b, "2001:db8::1", 100)
	n.a.TCP(n.b, "192.0.2.1", 8<<20)
	n.a.TCP(n.b, "2001:db8::1", 8<<20)
	patch.Stop()
	q := n.pa.tx[0]
	q.counters.Publish()
	for _, c := range []int{txPartial, txSegments} {
		if q.counters.Value(c) == 0 {
			t.Errorf("%s is 0: nothing was shown", q.counters.Desc()[c].Name)
		}
	}
	for _, c := range []int{pmd.TxTooLong, txRefused, txRunt} {
		if v := q.counters.Value(c); v != 0 {
			t.Errorf("%s is %d", q.counters.Desc()[c].Name, v)
		}
	}
}

// Several datagrams as one packet arrive as what they are: the kernel cuts them.
func TestTheKernelCutsDatagrams(t *testing.T) {
	if takes(release())&pmd.TakeUSO == 0 {
		t.Skip("this kernel is older than 6.2: ", release())
	}
	n := newNetwork(t, 1500, 1)
	var to net.HardwareAddr
	var conn *net.UDPConn
	n.a.Do(func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		to = l.Attrs().HardwareAddr
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5000})
		return err
	})
	defer conn.Close()

	const size, count, last = 1200, 7, 333
	payload := make([]byte, size*count+last)
	for i := range payload {
		payload[i] = byte(i*i>>8 ^ i)
	}
	sendDatagrams(t, n, datagrams(to, payload), size, 0)
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for at := 0; at < len(payload); {
		got := make([]byte, 2000)
		k, err := conn.Read(got)
		if err != nil {
			t.Fatalf("behind %d bytes: %v", at, err)
		}
		want := payload[at:min(at+size, len(payload))]
		if !bytes.Equal(got[:k], want) {
			t.Fatalf("behind %d bytes: a datagram of %d, want one of %d", at, k, len(want))
		}
		at += k
	}
}

// Behind a VLAN tag the kernel finds the headers as well: a device that takes such packets gets it as it was sent.
func TestTheKernelLooksBehindTags(t *testing.T) {
	if takes(release())&pmd.TakeUSO == 0 {
		t.Skip("this kernel is older than 6.2: ", release())
	}
	n := newNetwork(t, 1500, 1)
	host := openIn(t, n.a, "eth0", Options{Pool: n.pool})
	want := slices.Insert(datagrams(net.HardwareAddr{2, 0, 0, 0, 0, 9}, make([]byte, 5000)), 12, 0x81, 0, 0, 5)
	o := sendDatagrams(t, n, want, 1200, vlanTag)
	var b frame.Batch
	for deadline := time.Now().Add(20 * time.Second); ; {
		host.rx[0].Recv(&b)
		for _, f := range b.Frames() {
			if got := n.pool.AppendTo(nil, f); bytes.Equal(got, want) {
				if f.Flags()&frame.HasOffload == 0 || n.pool.Meta(f).Offload.GSOSize != o.GSOSize || n.pool.Meta(f).Offload.CsumStart != o.CsumStart {
					t.Errorf("it has become %+v", n.pool.Meta(f).Offload)
				}
				host.rx[0].cache.PutBatch(&b)
				return
			}
		}
		host.rx[0].cache.PutBatch(&b)
		if time.Now().After(deadline) {
			t.Fatal("it does not arrive")
		}
	}
}

// sendDatagrams sends a packet that the kernel is to cut, whose headers are tag bytes longer than without a tag.
func sendDatagrams(t *testing.T, n *network, packet []byte, size, tag uint16) frame.Offload {
	t.Helper()
	q := n.pa.tx[0]
	f, ok := q.cache.FromBytes(packet)
	if !ok {
		t.Fatal("the arena is exhausted")
	}
	f.SetFlags(frame.HasOffload)
	o := frame.Offload{
		Csum: frame.NeedsCsum, CsumStart: 34 + tag, CsumOffset: 6, GSO: frame.GSOUDPL4, GSOSize: size, HeaderLen: 42 + tag,
	}
	n.pool.Meta(f).Offload = o
	var b frame.Batch
	b.Append(f)
	if sent := q.Send(&b); sent != 1 {
		q.counters.Publish()
		t.Fatalf("the kernel does not take it: refused %d, too long %d", q.counters.Value(txRefused), q.counters.Value(pmd.TxTooLong))
	}
	return o
}

// datagrams returns a packet over IPv4 from 192.0.2.2 to 192.0.2.1, of which the checksum is left to others.
func datagrams(to net.HardwareAddr, payload []byte) []byte {
	p := append(udp(4000), payload...)
	copy(p, to)
	length := 8 + len(payload)
	binary.BigEndian.PutUint16(p[16:], uint16(20+length))
	copy(p[26:], []byte{192, 0, 2, 2, 192, 0, 2, 1})
	complete(p[:34], 14, 10)
	binary.BigEndian.PutUint16(p[36:], 5000)
	binary.BigEndian.PutUint16(p[38:], uint16(length))
	sum := uint32(17 + length)
	for i := 26; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	binary.BigEndian.PutUint16(p[40:], uint16(sum>>16+sum&0xffff))
	return p
}
