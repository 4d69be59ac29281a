package afpacket

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// header builds a virtio-net header.
func header(flags, gso uint8, fields ...uint16) (h [vnetSize]byte) {
	h[0], h[1] = flags, gso
	for i, v := range fields {
		binary.NativeEndian.PutUint16(h[2+2*i:], v)
	}
	return h
}

func TestOffloadIsReadFromTheHeader(t *testing.T) {
	const garbage = 0xa5a5
	for _, tc := range []struct {
		name     string
		h        [vnetSize]byte
		size     int
		want     frame.Offload
		need, ok bool
	}{
		{"a complete packet needs nothing, whatever the other fields say",
			header(0, 0, garbage, garbage, garbage, garbage), 60, frame.Offload{}, false, true},
		{"a checked packet needs nothing", header(2, 0), 60, frame.Offload{}, false, true},
		{"a checksum to complete", header(1, 0, 0, 0, 34, 16), 60,
			frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16}, true, true},
		{"a checksum in the last two bytes", header(1, 0, 0, 0, 34, 24), 60,
			frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 24}, true, true},
		{"a checksum one byte behind", header(1, 0, 0, 0, 34, 25), 60, frame.Offload{}, false, false},
		{"a checksum far behind", header(1, 0, 0, 0, 0xffff, 0xffff), 60, frame.Offload{}, false, false},
		{"a segment to cut", header(1, 1, 66, 1448, 34, 16), 60000,
			frame.Offload{Csum: 1, CsumStart: 34, CsumOffset: 16, HeaderLen: 66, GSOSize: 1448, GSO: frame.GSOTCPv4}, true, true},
		{"datagrams to cut", header(1, 5, 42, 1200, 34, 6), 12042,
			frame.Offload{Csum: 1, CsumStart: 34, CsumOffset: 6, HeaderLen: 42, GSOSize: 1200, GSO: frame.GSOUDPL4}, true, true},
		{"a segment with ECN", header(1, 0x84, 86, 1428, 54, 16), 60000,
			frame.Offload{Csum: 1, CsumStart: 54, CsumOffset: 16, HeaderLen: 86, GSOSize: 1428, GSO: frame.GSOTCPv6 | frame.GSOECN}, true, true},
	} {
		o, need, ok := offload(&tc.h, tc.size)
		if need != tc.need || ok != tc.ok || ok && o != tc.want {
			t.Errorf("%s: %+v, need %v, ok %v; want %+v, %v, %v", tc.name, o, need, ok, tc.want, tc.need, tc.ok)
		}
	}
}

// auxdata builds the ancillary message.
func auxdata(status uint32, tci, tpid uint16) []byte {
	b := bytes.Repeat([]byte{0xa5}, auxRoom)
	binary.NativeEndian.PutUint32(b[cmsgLevel:], unix.SOL_PACKET)
	binary.NativeEndian.PutUint32(b[cmsgType:], unix.PACKET_AUXDATA)
	binary.NativeEndian.PutUint32(b[auxStatus:], status)
	binary.NativeEndian.PutUint16(b[auxTCI:], tci)
	binary.NativeEndian.PutUint16(b[auxTPID:], tpid)
	return b
}

func TestTagIsReadFromAuxdata(t *testing.T) {
	const valid, both = unix.TP_STATUS_VLAN_VALID, unix.TP_STATUS_VLAN_VALID | unix.TP_STATUS_VLAN_TPID_VALID
	other := auxdata(both, 1, 2)
	other[cmsgType]++
	for _, tc := range []struct {
		name    string
		control []byte
		want    uint32
		ok      bool
	}{
		{"no tag", auxdata(unix.TP_STATUS_USER, 0, 0), 0, false},
		{"a tag", auxdata(both, 0x2064, 0x8100), 0x81002064, true},
		{"a service tag", auxdata(both, 7, 0x88a8), 0x88a80007, true},
		{"a tag of an old kernel", auxdata(valid, 0x64, 0), 0x81000064, true},
		{"a tag of VLAN 0", auxdata(both, 0, 0x8100), 0x81000000, true},
		{"another message", other, 0, false},
	} {
		if got, ok := tag(tc.control); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %#x, %v; want %#x, %v", tc.name, got, ok, tc.want, tc.ok)
		}
		for n := range auxSize {
			if _, ok := tag(tc.control[:n]); ok {
				t.Errorf("%s: found in the first %d bytes", tc.name, n)
			}
		}
	}
}

func TestTagIsPutBackBehindTheAddresses(t *testing.T) {
	pool := newPool(t, 64)
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, size := range []int{14, 60, 5000} {
		packet := bytes.Repeat([]byte("0123456789ab"), size/12+1)[:size]
		f, _ := c.FromBytes(packet)
		o := frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16, GSO: frame.GSOTCPv4, HeaderLen: 66}
		putTag(pool, &f, 0x81002064, &o)
		want := append([]byte("0123456789ab\x81\x00\x20\x64"), packet[12:]...)
		if got := pool.AppendTo(nil, f); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: tagged packet begins with % x", size, got[:18])
		}
		if o.CsumStart != 38 || o.CsumOffset != 16 || o.HeaderLen != 70 {
			t.Errorf("%d bytes: offload became %+v", size, o)
		}
		c.Put(f)
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	d := New(newPool(t, 64), slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		options map[string]string
		want    string
	}{
		{map[string]string{"queues": "65"}, "option queues: want a whole number from 1 to 64"},
		{map[string]string{"backlog": "1000"}, "option backlog: want a whole number from 65536"},
		{map[string]string{"promiscuous": "2"}, "option promiscuous: want true or false"},
		{map[string]string{"ring": "1"}, "option ring: unknown; want one of backlog, device, promiscuous, queues"},
		{map[string]string{"device": "nosuchdevice"}, "find device nosuchdevice"},
	} {
		p, err := d.Open(t.Context(), "ap0", tc.options)
		if err == nil || p != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: port %v, error %v, want %q", tc.options, p, err, tc.want)
		}
	}
}

func TestWhatIsLeftToTheKernelIsReadAsItWasWritten(t *testing.T) {
	for _, want := range []frame.Offload{
		{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16},
		{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16, GSO: frame.GSOTCPv4 | frame.GSOECN, GSOSize: 1448, HeaderLen: 66},
		{Csum: frame.NeedsCsum, CsumStart: 54, CsumOffset: 6, GSO: frame.GSOUDPL4, GSOSize: 1200, HeaderLen: 62},
	} {
		var h [vnetSize]byte
		putOffload(&h, &want)
		if got, need, ok := offload(&h, 2000); got != want || !need || !ok {
			t.Errorf("%+v is read as %+v, %v, %v", want, got, need, ok)
		}
	}
}

func TestTheKernelTakesDatagramsSinceItKnowsOfThem(t *testing.T) {
	for release, want := range map[string]bool{
		"5.15.0-91-generic": false, "6.1.0-18-amd64": false, "6.2.0": true, "6.18.44": true, "7.0.0-rc1": true, "": false, "strange": false,
	} {
		if got := takes(release)&pmd.TakeUSO != 0; got != want || takes(release)&pmd.TakeTSO6 == 0 {
			t.Errorf("%q: takes %#x", release, takes(release))
		}
	}
}
