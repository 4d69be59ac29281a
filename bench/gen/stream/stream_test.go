package stream

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/bench/gen/stamp"
	"github.com/culvertdev/culvert/ring/frame"
)

// A maker makes frames of a stream and frees them.
type maker struct {
	*Stream
	cache *frame.Cache
	batch frame.Batch
}

const mark = 0xc0ffee01

func newMaker(t *testing.T, s Spec) *maker {
	t.Helper()
	p, err := frame.NewPool(frame.Options{Buffers: 512, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	st, err := New(s, mark, NewBodies(p))
	if err != nil {
		t.Fatal(err)
	}
	return &maker{Stream: st, cache: c}
}

// take makes n frames and returns their bytes.
func (m *maker) take(t *testing.T, n int) (packets [][]byte) {
	t.Helper()
	for n > 0 {
		k := m.Fill(m.cache, &m.batch, n, 777)
		if k == 0 {
			t.Fatal("no buffers")
		}
		for _, f := range m.batch.Frames() {
			packets = append(packets, m.pool.AppendTo(nil, f))
		}
		m.cache.PutBatch(&m.batch)
		n -= k
	}
	return packets
}

// again decodes a packet and makes it anew by another library, lengths and checksums included.
func again(t *testing.T, packet []byte) []byte {
	t.Helper()
	p := gopacket.NewPacket(packet, layers.LayerTypeEthernet, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("%x: %v", packet, e.Error())
	}
	var list []gopacket.SerializableLayer
	var network gopacket.NetworkLayer
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			network = l
		case *layers.IPv6:
			network = l
		case *layers.UDP:
			keep := l.Checksum == 0 && len(list) < 4 // a tunnel's
			l.SetNetworkLayerForChecksum(network)
			if keep {
				list = append(list, unsummed{l})
				continue
			}
		}
		if _, ok := l.(gopacket.SerializableLayer); !ok { // GENEVE
			list = append(list, gopacket.Payload(l.LayerContents()))
			continue
		}
		list = append(list, l.(gopacket.SerializableLayer))
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unsummed is a UDP header without checksum.
type unsummed struct{ *layers.UDP }

func (u unsummed) SerializeTo(b gopacket.SerializeBuffer, o gopacket.SerializeOptions) error {
	o.ComputeChecksums = false
	return u.UDP.SerializeTo(b, o)
}

func TestEveryFrameIsRightToTheLastChecksum(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::ffff:fff0")
	all := []string{"source-mac", "destination-mac", "source-address", "destination-address", "source-port", "destination-port"}
	for _, tt := range []struct {
		name string
		Spec
		total int
	}{
		{"the least there is", Spec{}, 60},
		{"many flows", Spec{Flows: 100_000}, 60},
		{"as small as a VLAN tag lets it", Spec{VLAN: 9}, 64},
		{"IPv6, as small as it gets", Spec{IPv6: true, Flows: 70_000}, 80},
		{"odd sizes", Spec{Size: "65", Flows: 9}, 61},
		{"odd sizes of IPv6 in a VLAN", Spec{Size: "1001", IPv6: true, VLAN: 7, Flows: 9}, 997},
		{"addresses that go round", Spec{Size: "128", Source: Endpoint{Address: six}, Flows: 100, Vary: []string{"source-address"}}, 124},
		{"a port that goes round", Spec{Source: Endpoint{Port: 65530}, Flows: 40}, 60},
		{"addresses of Ethernet", Spec{Flows: 1000, Vary: []string{"source-mac"}}, 60},
		{"all fields", Spec{Flows: MaxFlows, Order: "random", Vary: all[2:]}, 60},
		{"a stamp at the edge of the head", Spec{Size: "204"}, 200},
		{"VXLAN", Spec{Flows: 50, Tunnel: &Tunnel{Type: "vxlan", VNI: 42}}, 110},
		{"VXLAN with checksum", Spec{Flows: 70_000, Tunnel: &Tunnel{Type: "VXLAN", VNI: 42, Checksum: true}, Vary: all}, 110},
		{"VXLAN over IPv6", Spec{Flows: 500, Vary: all, Tunnel: &Tunnel{Type: "vxlan", VNI: 0xffffff, IPv6: true}}, 130},
		{"IPv6 in VXLAN over IPv6", Spec{Size: "101", IPv6: true, Flows: 500, Vary: all, Tunnel: &Tunnel{Type: "vxlan", IPv6: true}}, 167},
		{"GENEVE in a VLAN, of a VLAN", Spec{Size: "1518", VLAN: 3, Flows: 50, Tunnel: &Tunnel{Type: "geneve", VNI: 9, VLAN: 4, Checksum: true}}, 1568},
		{"more than one buffer", Spec{Size: "9000", Flows: 3}, 8996},
		{"a stamp that would lie across buffers", Spec{Size: fmt.Sprint(1664 + 4 + 10)}, 1674},
		{"as large as it gets", Spec{Size: "65535"}, 65531},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMaker(t, tt.Spec)
			for i, p := range m.take(t, 300) {
				if len(p) != tt.total || m.Longest() != tt.total {
					t.Fatalf("frame %d has %d bytes, want %d", i, len(p), tt.total)
				}
				if want := again(t, p); !bytes.Equal(p, want) {
					t.Fatalf("frame %d is\n%x, want\n%x", i, p[:min(200, len(p))], want[:min(200, len(want))])
				}
				if s := stamp.Get(p[len(p)-stamp.Size:]); s.Mark != mark || s.Sequence != uint64(i) {
					t.Fatalf("frame %d has the stamp %+v", i, s)
				}
			}
		})
	}
}

func TestMixedSizesShareBuffersAndStayRight(t *testing.T) {
	m := newMaker(t, Spec{Size: "imix", Flows: 10})
	seen := make(map[int]int)
	const n = 4092 // a whole number of rounds
	for i, p := range m.take(t, n) {
		seen[len(p)]++
		if want := again(t, p); !bytes.Equal(p, want) {
			t.Fatalf("frame %d of %d bytes is wrong", i, len(p))
		}
	}
	if seen[60] != n*7/12 || seen[590] != n*4/12 || seen[1514] != n/12 {
		t.Errorf("got sizes %v, want 7 to 4 to 1", seen)
	}
}

func TestStreamsThatShareBuffersKeepTheirHeadsApart(t *testing.T) {
	m := newMaker(t, Spec{Flows: 10})
	for _, s := range []Spec{{IPv6: true, VLAN: 7}, {Size: "200", Tunnel: &Tunnel{Type: "vxlan"}}, {Flows: 10}} {
		st, err := New(s, mark+1, m.bodies)
		if err != nil {
			t.Fatal(err)
		}
		other := &maker{Stream: st, cache: m.cache}
		for range 20 { // the same few buffers go to and fro
			for _, p := range append(m.take(t, 64), other.take(t, 64)...) {
				if !bytes.Equal(p, again(t, p)) {
					t.Fatalf("%+v: a frame is wrong: %x", s, p)
				}
			}
		}
	}
}

func TestABufferThatSomebodyWroteToIsFilledAnew(t *testing.T) {
	for name, forget := range map[string]func(*maker, frame.Frame){
		"said of the frame": func(m *maker, f frame.Frame) { m.bodies.Soil([]frame.Frame{f}) },
		"said of all":       func(m *maker, _ frame.Frame) { m.bodies.Forget() },
	} {
		m := newMaker(t, Spec{Size: "1518"})
		for range 1000 {
			m.Fill(m.cache, &m.batch, 64, 1)
			for _, f := range m.batch.Frames() {
				clear(m.pool.Bytes(f))
				forget(m, f)
			}
			m.cache.PutBatch(&m.batch)
		}
		for _, p := range m.take(t, 64) {
			if !bytes.Equal(p, again(t, p)) {
				t.Fatalf("%s: and the frame is wrong", name)
			}
		}
	}
}

// flows returns the source port of each of n frames, less the first one's.
func flows(t *testing.T, m *maker, n int) (list []int) {
	for _, p := range m.take(t, n) {
		list = append(list, int(p[34])<<8+int(p[35])-1024)
	}
	return list
}

func TestFlowsComeInTheOrderAskedFor(t *testing.T) {
	const n, count = 10, 60_000
	expect := map[string][n]float64{"cyclic": {}, "random": {}, "zipf": {}}
	total := 0.0
	for i := range n {
		total += 1 / float64(i+1)
	}
	for order, want := range expect {
		for i := range want {
			if want[i] = 1.0 / n; order == "zipf" {
				want[i] = 1 / float64(i+1) / total
			}
		}
		list := flows(t, newMaker(t, Spec{Flows: n, Order: order}), count)
		var got [n]float64
		inTurn := true
		for i, f := range list {
			got[f] += 1.0 / count
			inTurn = inTurn && f == i%n
		}
		if inTurn != (order == "cyclic") {
			t.Errorf("%s: in turn: %v", order, inTurn)
		}
		for i := range want {
			if math.Abs(got[i]-want[i]) > 0.02 {
				t.Errorf("%s: flow %d has %.3f of the frames, want %.3f", order, i, got[i], want[i])
			}
		}
	}
	a, b := flows(t, newMaker(t, Spec{Flows: 100, Order: "random", Seed: 5}), 100), flows(t, newMaker(t, Spec{Flows: 100, Order: "random", Seed: 5}), 100)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the same seed draws other flows")
	}
}

func TestAMillionFlowsAreAllDifferent(t *testing.T) {
	const n = 1_000_000
	m := newMaker(t, Spec{Flows: n})
	seen := make(map[[12]byte]bool, n)
	for range n / 500 {
		for _, p := range m.take(t, 500) {
			seen[[12]byte(p[26:38])] = true
		}
	}
	if len(seen) != n {
		t.Errorf("got %d flows, want %d", len(seen), n)
	}
}

func TestOneFrameOfEachBurstHasATime(t *testing.T) {
	m := newMaker(t, Spec{Flows: 100})
	places := make(map[int]bool)
	for burst := range 32 {
		m.Fill(m.cache, &m.batch, 16, 1000+int64(burst))
		timed := 0
		for i, f := range m.batch.Frames() {
			b := m.pool.Bytes(f)
			s := stamp.Get(b[len(b)-stamp.Size:])
			if s.Time == 0 {
				continue
			}
			timed++
			places[i] = true
			if s.Time != 1000+int64(burst) || s.First != (s.Sequence < 100) {
				t.Errorf("%+v in burst %d", s, burst)
			}
		}
		if want := 1; timed != want && burst > 0 {
			t.Errorf("burst %d has %d times, want %d", burst, timed, want)
		}
		m.cache.PutBatch(&m.batch)
	}
	if len(places) != 16 {
		t.Errorf("times were at %d places of 16", len(places))
	}
}

func TestWhatCannotBeIsSaid(t *testing.T) {
	addr := netip.MustParseAddr
	bodies := newMaker(t, Spec{}).bodies
	for _, tt := range []struct {
		s    Spec
		want string
	}{
		{Spec{Size: "63"}, "want imix or numbers from 64"},
		{Spec{Size: "imix,"}, "want imix"},
		{Spec{Size: "64:0"}, `weight "0"`},
		{Spec{Size: "64:1001"}, "want 1 to 1000"},
		{Spec{Size: strings.Repeat("64,", 40) + "64"}, "at most 32"},
		{Spec{Size: "65535", VLAN: 1, Tunnel: &Tunnel{Type: "vxlan"}}, "size 65535 in this tunnel, want at most 65485"},
		{Spec{Flows: MaxFlows + 1}, "want 1 to"},
		{Spec{Flows: -1}, "-1 flows"},
		{Spec{Flows: 40000, Vary: []string{"source-port"}}, "want at most 32768"},
		{Spec{Vary: []string{"colour"}}, "want some of source-port"},
		{Spec{Vary: []string{"source-port", "source-port"}}, "each once"},
		{Spec{Order: "wild"}, "want cyclic, random or zipf"},
		{Spec{Order: "zipf", Flows: 2, Skew: math.NaN()}, "skew NaN"},
		{Spec{Order: "zipf", Flows: 2, Skew: 9}, "want 0 to 8"},
		{Spec{VLAN: 4095}, "want 0 to 4094"},
		{Spec{Source: Endpoint{MAC: "x"}}, `MAC address "x"`},
		{Spec{Source: Endpoint{MAC: "02:00:00:00:00:00:00:01"}}, "MAC address"},
		{Spec{Source: Endpoint{Address: addr("10.0.0.1")}, Destination: Endpoint{Address: addr("::1")}}, "two of IPv4 or two of IPv6"},
		{Spec{Size: "100", Source: Endpoint{Address: addr("fe80::1%eth0")}}, "two of IPv4"},
		{Spec{Tunnel: &Tunnel{Type: "gre"}}, "want vxlan or geneve"},
		{Spec{Tunnel: &Tunnel{Type: "vxlan", VNI: 1 << 24}}, "VNI 16777216"},
		{Spec{Tunnel: &Tunnel{Type: "vxlan", Source: Endpoint{MAC: "y"}}}, `MAC address "y"`},
	} {
		if _, err := New(tt.s, mark, bodies); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.s, err, tt.want)
		}
	}
}

func TestAPoolThatIsEmptyMakesFewerFramesAndLosesNone(t *testing.T) {
	m := newMaker(t, Spec{Size: "9000"}) // 6 buffers each, of 512
	var held []frame.Batch
	made := 0
	for {
		var b frame.Batch
		n := m.Fill(m.cache, &b, 10, 1)
		made += n
		held = append(held, b)
		if n == 0 {
			break
		}
	}
	if made < 60 || made > 85 || m.Sequence() != uint64(made) {
		t.Errorf("%d frames of %d numbers from 512 buffers", made, m.Sequence())
	}
	for i := range held {
		m.cache.PutBatch(&held[i])
	}
	if len(m.take(t, 10)) != 10 {
		t.Error("buffers were lost")
	}
}

func TestFramesMakeNoGarbage(t *testing.T) {
	for _, s := range []Spec{
		{Flows: 1000}, {Size: "imix", Order: "zipf", Flows: 1000}, {Size: "9000"}, {Tunnel: &Tunnel{Type: "geneve", IPv6: true}},
	} {
		m := newMaker(t, s)
		if n := testing.AllocsPerRun(100, func() {
			m.Fill(m.cache, &m.batch, 32, 1)
			m.cache.PutBatch(&m.batch)
		}); n != 0 {
			t.Errorf("%+v: %v allocations", s, n)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	for _, s := range []Spec{{}, {Flows: 1_000_000}, {Flows: 1_000_000, Order: "zipf"}, {Size: "imix", Flows: 1024}, {Size: "1518"}, {Tunnel: &Tunnel{Type: "vxlan"}}} {
		b.Run(fmt.Sprintf("%s/%d%s", s.Size, s.Flows, s.Order), func(b *testing.B) {
			p, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			c, err := p.NewCache()
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			st, err := New(s, mark, NewBodies(p))
			if err != nil {
				b.Fatal(err)
			}
			var batch frame.Batch
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += 64 {
				st.Fill(c, &batch, 64, 1)
				c.PutBatch(&batch)
			}
		})
	}
}
