package encap

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// Packets of a batch are dealt with together, and many as the one before them: what becomes of each must be what becomes
// of it alone.
func TestAPacketFaresInABatchAsItDoesAlone(t *testing.T) {
	l := newLab(t)
	outers := []*Outer{
		new(over4(Outer{Type: VXLAN, Key: 5, DontFragment: true})),
		new(over4(Outer{Type: VXLAN, Key: 6, HasGBP: true, GBP: GBP{ID: 7, Flags: 0x40}})),
		new(over4(Outer{Type: VXLAN, Key: 8, VLAN: 9, Checksum: true})),
		new(over4(Outer{Type: Geneve, Key: 5, Options: []byte{1, 2, 3, 1, 9, 9, 9, 9}})),
		new(over6(Outer{Type: Geneve, Key: 5})),
		new(over4(Outer{Type: GRE, Key: 5, HasKey: true, Checksum: true})),
	}
	var packets [][]byte
	for i, o := range outers {
		packet := l.push(o, innerUDP(uint8(i&2), 30))
		ip := 14
		if o.VLAN != 0 {
			ip = 18
		}
		marked := bytes.Clone(packet)
		if o.Src.Is4() {
			marked[ip+1] |= ce // and a wrong checksum with it
		} else {
			marked[ip+1] |= ce << 4
		}
		stranger := bytes.Clone(packet)
		stranger[ip+o.Size()-14-(ip-14)-2] ^= 1 // near the end of the headers: the key, mostly
		elsewhere := bytes.Clone(packet)
		elsewhere[5]++
		packets = append(packets, elsewhere, packet, packet, append(bytes.Clone(packet), 0, 0, 0), packet[:len(packet)-5], marked, stranger)
	}
	packets = append(packets, innerUDP(0, 40), innerUDP(0, 40)[:20])
	tunnels := l.tunnels(outers...)
	var alone []popped
	ways := make(map[any]int)
	for _, packet := range packets {
		p := l.pop(tunnels, packet)
		alone = append(alone, p)
		ways[[2]any{p.port, p.why}]++
	}
	if len(ways) < 10 {
		t.Errorf("the packets fare in %d ways: %v", len(ways), ways)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		l.popBatch(tunnels, packets, alone, rng)
	}
}

// popBatch pops a batch of packets, some of them several times in a row.
func (l *lab) popBatch(tunnels *Tunnels, packets [][]byte, alone []popped, rng *rand.Rand) {
	l.t.Helper()
	var which [frame.MaxBatch]int
	var fs [frame.MaxBatch]frame.Frame
	for i := range fs {
		if which[i] = rng.IntN(len(packets)); i > 0 && rng.IntN(2) == 0 {
			which[i] = which[i-1]
		}
		fs[i] = l.frame(packets[which[i]])
	}
	l.popper.Pop(tunnels, fs[:])
	for i, f := range fs {
		if got, want := l.popped(i, f), alone[which[i]]; !reflect.DeepEqual(got, want) {
			l.t.Fatalf("packet %d, %x:\ngot  %+v\nwant %+v", i, packets[which[i]], got, want)
		}
		l.c.Put(f)
	}
}
