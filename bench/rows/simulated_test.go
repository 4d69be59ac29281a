package rows

import (
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/bench/gen/stamp"
	"github.com/culvertdev/culvert/pmd/memport"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A packet is one that a simulated switch has received.
type packet struct {
	port   int // 0 is at the bench's port a, 1 at b, 2 at c
	bytes  []byte
	run    uint32
	stream uint32
	number uint64 // within its stream
}

func (p packet) source() string      { return string(p.bytes[6:12]) }
func (p packet) destination() string { return string(p.bytes[:6]) }

// simulate returns a bench at a simulated switch with three ports, which runs until the test ends. treat is told of each
// packet and sends what it likes; it is called without one, too, again and again.
func simulate(t *testing.T, treat func(p *packet, send func(port int, frame []byte))) *Bench {
	t.Helper()
	g, err := gen.New(gen.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, g.Close()) })
	var peers []*memport.Peer
	for _, name := range []string{"a", "b", "c"} {
		must(t, g.Open(t.Context(), port.Spec{Name: name, Type: "memory", Options: map[string]string{"ring-size": "16384"}}))
		p, err := g.Get(name)
		must(t, err)
		peer, err := p.(*memport.Port).Attach()
		must(t, err)
		peers = append(peers, peer)
	}
	send := func(port int, frame []byte) {
		for peers[port].SendBytes(frame) == 0 {
			time.Sleep(time.Millisecond) // the generator is slow to receive: nothing is lost here
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			n := 0
			for i, peer := range peers {
				for _, b := range peer.RecvBytes() {
					s := stamp.Get(b[len(b)-stamp.Size:])
					n++
					treat(&packet{i, b, s.Mark / sink.MaxStreams, s.Mark % sink.MaxStreams, s.Sequence}, send)
				}
			}
			if treat(nil, send); n == 0 {
				time.Sleep(50 * time.Microsecond)
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
		for _, p := range peers {
			must(t, p.Close())
		}
	})
	return &Bench{Generator: g, From: "a", To: "b", Rest: true, Linger: 2 * time.Second}
}

// across is where a packet goes that a simulated switch passes on.
func (p *packet) across() int { return 1 - p.port }
