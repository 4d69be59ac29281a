package pcapport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"
)

// An ngFile builds pcapng files block by block.
type ngFile struct {
	order binary.AppendByteOrder
	b     []byte
}

func (f *ngFile) u16(b []byte, v uint16) []byte { return f.order.AppendUint16(b, v) }
func (f *ngFile) u32(b []byte, v uint32) []byte { return f.order.AppendUint32(b, v) }

func (f *ngFile) block(kind uint32, body []byte) *ngFile {
	body = append(body, make([]byte, -len(body)&3)...)
	f.b = f.u32(f.b, kind)
	f.b = f.u32(f.b, uint32(12+len(body)))
	f.b = append(f.b, body...)
	f.b = f.u32(f.b, uint32(12+len(body)))
	return f
}

func (f *ngFile) section(major uint16) *ngFile {
	body := f.u16(f.u16(f.u32(nil, byteOrderMagic), major), 0)
	return f.block(blockSection, append(body, bytes.Repeat([]byte{0xff}, 8)...))
}

func (f *ngFile) iface(link uint16, snap uint32, options ...byte) *ngFile {
	return f.block(blockInterface, append(f.u32(f.u16(f.u16(nil, link), 0), snap), options...))
}

func (f *ngFile) enhanced(iface uint32, stamp uint64, size, full uint32, data []byte) *ngFile {
	body := f.u32(f.u32(f.u32(nil, iface), uint32(stamp>>32)), uint32(stamp))
	return f.block(blockEnhanced, append(f.u32(f.u32(body, size), full), data...))
}

func little() *ngFile { return &ngFile{order: binary.LittleEndian} }

// interfaces is a section with n interfaces.
func interfaces(n int) *ngFile {
	f := little().section(1)
	for range n {
		f.iface(1, 0)
	}
	return f
}

// readAll reads every packet of a capture; data is copied.
func readAll(b []byte) ([]record, error) {
	c, err := newCapture(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	var all []record
	for {
		r, err := c.next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		r.data = bytes.Clone(r.data)
		all = append(all, r)
	}
}

func TestPcapngBlocks(t *testing.T) {
	data := []byte("data of a packet")
	n := uint32(len(data))
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		opt := func(code, size uint16, v ...byte) []byte {
			f := ngFile{order: order}
			return append(f.u16(f.u16(nil, code), size), v...)
		}
		offset := order.AppendUint32(opt(optTSOffset, 8), 0)
		offset = order.AppendUint32(offset, 0)
		if order == binary.AppendByteOrder(binary.LittleEndian) {
			offset[4] = 100
		} else {
			offset[11] = 100
		}
		f := &ngFile{order: order}
		f.section(1).block(0xbad, []byte("a block nobody knows"))
		f.iface(linkEthernet, 0).enhanced(0, 5_000_001, n, n+1, data)     // microseconds
		f.iface(linkEthernet, 4, opt(optTSResol, 1, 9, 0, 0, 0)...)       // nanoseconds
		f.enhanced(1, 5_000_000_001, n, n, data)                          //
		f.iface(113, 0)                                                   // not Ethernet, and not used
		f.iface(linkEthernet, 0, opt(optTSResol, 1, 0x80|20, 0, 0, 0)...) // 2^-20 s
		f.enhanced(3, 5<<20|1<<19, n, n, data)                            //
		f.iface(linkEthernet, 0, append(offset, opt(optEnd, 0)...)...)    // 100 s later
		f.enhanced(4, 5_000_000, n, n, data)                              //
		f.block(blockSimple, append(f.u32(nil, n), data...))              // no time
		f.block(blockPacket, append(f.u32(f.u32(f.u32(f.u32(f.u16(f.u16(nil, 0), 7), 0), 9), n), n), data...))
		f.section(1).iface(linkEthernet, 4).block(blockSimple, append(f.u32(nil, n), data[:4]...)) // snapped
		got, err := readAll(f.b)
		if err != nil {
			t.Fatalf("%v: %v", order, err)
		}
		want := []record{
			{data, int(n) + 1, time.Unix(5, 1000)},
			{data, int(n), time.Unix(5, 1)},
			{data, int(n), time.Unix(5, 5e8)},
			{data, int(n), time.Unix(105, 0)},
			{data, int(n), time.Time{}},
			{data, int(n), time.Unix(0, 9000)},
			{data[:4], int(n), time.Time{}},
		}
		if len(got) != len(want) {
			t.Fatalf("%v: %d packets, want %d", order, len(got), len(want))
		}
		for i, w := range want {
			if g := got[i]; !bytes.Equal(g.data, w.data) || g.full != w.full || !g.at.Equal(w.at) {
				t.Errorf("%v: packet %d is %q of %d at %v, want %q of %d at %v",
					order, i+1, g.data, g.full, g.at.UTC(), w.data, w.full, w.at.UTC())
			}
		}
	}
}

func TestMalformedFilesAreNamed(t *testing.T) {
	start := func() *ngFile { return little().section(1).iface(linkEthernet, 0) }
	classic := pcapBytes(t, true, packets(1, 60))
	patched := func(b []byte, at int, v ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], v)
		return b
	}
	for _, tc := range []struct {
		name string
		file []byte
		want string
	}{
		{"an empty file", nil, "unexpected EOF"},
		{"a file of zeros", make([]byte, 100), "Unknown magic 0"},
		{"a pcap of another link type", patched(classic, 20, 113), "link type 113"},
		{"a pcap with an endless packet", patched(classic, 24+8, 0xff, 0xff, 0xff, 0x7f), "capture length"},
		{"gzip of nothing", gzipped(t, nil), "unexpected EOF"},
		{"gzip that is none", []byte{0x1f, 0x8b, 0, 0}, "gzip"},
		{"a section of no byte order", little().block(blockSection, make([]byte, 16)).b, "byte-order magic 00000000"},
		{"a section of version 2", little().section(2).b, "version 2"},
		{"a section that is cut short", little().block(blockSection, little().u32(nil, byteOrderMagic)).b, "section header is too short"},
		{"a packet before any interface", little().section(1).enhanced(0, 0, 0, 0, nil).b, "names interface 0, the section has 0"},
		{"a packet of another interface", start().enhanced(1, 0, 0, 0, nil).b, "names interface 1, the section has 1"},
		{"a packet of another link type", little().section(1).iface(113, 0).enhanced(0, 0, 0, 0, nil).b, "link type 113"},
		{"a packet longer than its block", start().enhanced(0, 0, 5, 5, make([]byte, 4)).b, "5 bytes were captured of 5"},
		{"a packet longer than it was", start().enhanced(0, 0, 4, 3, make([]byte, 4)).b, "4 bytes were captured of 3"},
		{"an endless packet", start().enhanced(0, 0, 0xffffffff, 0xffffffff, nil).b, "4294967295 bytes were captured"},
		{"a packet block without lengths", start().block(blockEnhanced, make([]byte, 16)).b, "packet block is too short"},
		{"an old packet block without lengths", start().block(blockPacket, make([]byte, 16)).b, "packet block is too short"},
		{"a simple block without length", start().block(blockSimple, nil).b, "packet block is too short"},
		{"a simple packet longer than its block", start().block(blockSimple, []byte{1, 0, 0, 0}).b, "1 bytes were captured"},
		{"an interface without snapshot length", little().section(1).block(blockInterface, make([]byte, 4)).b, "interface block is too short"},
		{"65537 interfaces", interfaces(65537).b, "more than 65536 interfaces"},
		{"an option longer than its block", little().section(1).iface(1, 0, 9, 0, 200, 0).b, "option 9 of interface 0"},
		{"time stamps of 10^-20 s", little().section(1).iface(1, 0, 9, 0, 1, 0, 20, 0, 0, 0).b, "resolution 0x14"},
		{"time stamps of 2^-64 s", little().section(1).iface(1, 0, 9, 0, 1, 0, 0xc0, 0, 0, 0).b, "resolution 0xc0"},
		{"a block of 8 bytes", append(start().b, 6, 0, 0, 0, 8, 0, 0, 0), "says it has 8 bytes"},
		{"a block of 13 bytes", append(start().b, 6, 0, 0, 0, 13, 0, 0, 0), "says it has 13 bytes"},
		{"a packet block of 4 GiB", append(start().b, 6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff), "has 4294967280 bytes: want at most"},
		{"an unknown block of 4 GiB", append(start().b, 9, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff), "unexpected EOF"},
		{"a block with two lengths", append(start().b, 9, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0), "begins with length 12 and ends with 16"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := readAll(tc.file); err == nil || !strings.Contains(noEOF(err).Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// TestTruncatedFilesAreErrors cuts files at every length: it is the end of the file only where a
// packet or block would begin.
func TestTruncatedFilesAreErrors(t *testing.T) {
	ps := packets(2, 9)
	for name, file := range map[string][]byte{
		"pcap": pcapBytes(t, true, ps), "pcapng": little().section(1).iface(1, 0).
			enhanced(0, 0, 9, 9, ps[0].data).enhanced(0, 0, 10, 10, ps[1].data).b,
	} {
		whole := map[int]int{len(file): 2} // length of the file, packets in it
		if name == "pcap" {
			whole[24], whole[24+16+9] = 0, 1
		} else {
			whole[28], whole[28+20], whole[28+20+44] = 0, 0, 1
		}
		for n := range len(file) + 1 {
			got, err := readAll(file[:n])
			want, ok := whole[n]
			switch {
			case ok && (err != nil || len(got) != want):
				t.Errorf("%s of %d bytes: %d packets and error %v, want %d", name, n, len(got), err, want)
			case !ok && !errors.Is(noEOF(err), io.ErrUnexpectedEOF):
				t.Errorf("%s of %d bytes: error %v, want %v", name, n, err, io.ErrUnexpectedEOF)
			}
		}
	}
}

// TestMalformedFileStopsThePort checks that the packets before the error arrive and that the error
// names the file and the packet.
func TestMalformedFileStopsThePort(t *testing.T) {
	ps := packets(3, 60)
	file := pcapBytes(t, true, ps)
	in := writeFile(t, "cut.pcap", file[:len(file)-1])
	pool := newPool(t, 1024)
	p := openPort(t, Options{Pool: pool, In: in})
	wantPackets(t, forward(t, p, pool), ps[:2])
	<-p.Done()
	want := fmt.Sprintf("read %s: packet 3: unexpected EOF", in)
	if err := p.Err(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// FuzzCapture reads arbitrary bytes, and compares with pcapgo what both can read.
func FuzzCapture(f *testing.F) {
	ps := packets(3, 20)
	f.Add(pcapBytes(f, false, ps))
	f.Add(pcapBytes(f, true, ps))
	f.Add(pcapBigEndian(ps))
	f.Add(pcapngBytes(f, ps))
	f.Add(gzipped(f, pcapBytes(f, true, ps)))
	f.Add(little().section(1).iface(1, 0, 9, 0, 1, 0, 0x94, 0, 0, 0).enhanced(0, 1<<40, 3, 3, []byte{1, 2, 3, 0}).b)
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := readAll(file)
		total := 0
		for i, r := range got {
			if len(r.data) > SnapLen || r.full < len(r.data) {
				t.Fatalf("packet %d has %d bytes of %d", i+1, len(r.data), r.full)
			}
			total += len(r.data)
		}
		plain := !bytes.HasPrefix(file, []byte{0x1f, 0x8b})
		if plain && total > len(file) {
			t.Fatalf("%d bytes of packets in %d bytes of file", total, len(file))
		}
		if err == nil && plain && !bytes.HasPrefix(file, []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
			compare(t, file, got)
		}
	})
}

// compare reads a well-formed classic capture with pcapgo alone.
func compare(t *testing.T, file []byte, got []record) {
	r, err := pcapgo.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("pcapgo: %v", err)
	}
	r.SetSnaplen(SnapLen)
	for i := range got {
		data, ci, err := r.ReadPacketData()
		if err != nil || !bytes.Equal(data, got[i].data) || ci.Length != got[i].full || !ci.Timestamp.Equal(got[i].at) {
			t.Fatalf("packet %d: pcapgo says %d bytes of %d at %v, error %v", i+1, len(data), ci.Length, ci.Timestamp, err)
		}
	}
}
