package datapath_test

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// lab is a switch with one bridge and memory ports whose other ends the test holds.
type lab struct {
	t     testing.TB
	pool  *frame.Pool
	sw    *datapath.Switch
	peers map[string]*memport.Peer
}

func newPool(t testing.TB) *frame.Pool {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 32768, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// newLab starts a switch whose bridge asks table, with the ports named, numbered from 1.
func newLab(t testing.TB, o datapath.Options, table rules.Table, ports ...string) *lab {
	t.Helper()
	pool := newPool(t)
	o.Pool = pool
	sw, err := datapath.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, pool: pool, sw: sw, peers: make(map[string]*memport.Peer)}
	t.Cleanup(l.close)
	if err := sw.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: table}}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range ports {
		l.add(name, memport.Options{})
	}
	return l
}

// add adds a memory port to the bridge.
func (l *lab) add(name string, o memport.Options) {
	l.t.Helper()
	l.addVLAN(name, o, rules.VLAN{})
}

// addVLAN adds a memory port with VLAN settings to the bridge.
func (l *lab) addVLAN(name string, o memport.Options, vlan rules.VLAN) {
	l.t.Helper()
	o.Pool = l.pool
	dev, err := memport.Open(name, o)
	if err != nil {
		l.t.Fatal(err)
	}
	l.peers[name] = dev.Peer()
	if err := l.sw.AddDevice("br0", datapath.PortConfig{Name: name, VLAN: vlan}, dev); err != nil {
		l.t.Fatal(err)
	}
}

// close ends the switch; every packet must have been counted, every frame must come back.
func (l *lab) close() {
	l.balanced()
	if err := l.sw.Close(); err != nil {
		l.t.Error(err)
	}
	for _, p := range l.peers {
		if err := p.Close(); err != nil {
			l.t.Error(err)
		}
	}
	if err := l.pool.Close(); err != nil {
		l.t.Errorf("frames leaked: %v", err)
	}
}

func (l *lab) send(port string, packets ...[]byte) {
	l.t.Helper()
	if n := l.peers[port].SendBytes(packets...); n != len(packets) {
		l.t.Fatalf("port %s took %d of %d packets", port, n, len(packets))
	}
}

// receive waits for n packets out of a port.
func (l *lab) receive(port string, n int) [][]byte {
	l.t.Helper()
	var got [][]byte
	for deadline := time.Now().Add(20 * time.Second); len(got) < n; time.Sleep(50 * time.Microsecond) {
		got = append(got, l.peers[port].RecvBytes()...)
		if time.Now().After(deadline) {
			l.t.Fatalf("port %s sent %d packets, want %d; drops: %v", port, len(got), n, nonZero(l.sw.Stats().Drops))
		}
	}
	if len(got) > n {
		l.t.Fatalf("port %s sent %d packets, want %d", port, len(got), n)
	}
	return got
}

// silent reports a packet that leaves a port although it should not.
func (l *lab) silent(port string) {
	l.t.Helper()
	time.Sleep(5 * time.Millisecond)
	if got := l.peers[port].RecvBytes(); len(got) > 0 {
		l.t.Errorf("port %s sent %d packets, want none; first: % x", port, len(got), got[0])
	}
}

// waitFor waits until a counter of the switch has the value wanted.
func (l *lab) waitFor(name string, samples func(datapath.Stats) []counter.Sample, want uint64) {
	l.t.Helper()
	var got uint64
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got = value(samples(l.sw.Stats()), name); got == want {
			return
		}
	}
	l.t.Fatalf("counter %s is %d, want %d", name, got, want)
}

// balanced reports packets that were counted in no cache level, or in two. Traffic has stopped.
func (l *lab) balanced() {
	l.t.Helper()
	var levels, taken uint64
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		st := l.sw.Stats()
		levels, taken = 0, value(st.Events, "recirculated")
		for _, s := range st.Caches {
			levels += s.Value
		}
		for _, w := range st.Workers {
			taken += w.Packets
		}
		if levels == taken {
			return
		}
	}
	l.t.Errorf("the cache levels have %d packets, %d were received or taken up again: %v", levels, taken, nonZero(l.sw.Stats().Caches))
}

func drops(s datapath.Stats) []counter.Sample  { return s.Drops }
func caches(s datapath.Stats) []counter.Sample { return s.Caches }

func value(samples []counter.Sample, name string) uint64 {
	for _, s := range samples {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

func nonZero(samples []counter.Sample) map[string]uint64 {
	m := make(map[string]uint64)
	for _, s := range samples {
		if s.Value > 0 {
			m[s.Name] = s.Value
		}
	}
	return m
}

// udp returns a UDP packet from host a to host b with the given source port and payload size.
func udp(t testing.TB, a, b byte, port uint16, size int) []byte {
	t.Helper()
	eth := &layers.Ethernet{
		SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, a}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, b},
		EthernetType: layers.EthernetTypeIPv4,
	}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, a}, DstIP: net.IP{10, 0, 0, b}}
	u := &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: 9}
	if err := u.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		eth, ip, u, gopacket.Payload(make([]byte, size)))
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// wires is a rule table written by a caller: it joins ports in pairs and consults nothing else.
type wires struct {
	to      map[uint32]uint32
	version uint64
	looked  func(q *rules.Query)
	credit  func(packets, bytes uint64)
}

func (w *wires) Lookup(q *rules.Query, v *rules.Verdict) error {
	if w.looked != nil {
		w.looked(q)
	}
	in := binary.BigEndian.Uint32(q.Key[flow.Base][flow.OffInPort:])
	if out, ok := w.to[in]; ok {
		v.Actions.Output(out)
	}
	return nil
}

func (w *wires) Changes(since uint64, c *rules.ChangeSet) uint64 {
	c.All = since != w.version
	return w.version
}

func (w *wires) Credit(_ []uint64, packets, bytes uint64, _ int64) {
	if w.credit != nil {
		w.credit(packets, bytes)
	}
}

// TestMain gives the process the threads that workers ask for beside other work: see pmd.Worker.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(max(6, runtime.GOMAXPROCS(0)))
	os.Exit(m.Run())
}
