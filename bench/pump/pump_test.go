package pump

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
)

// A cable stands for a switch: two ports that are joined once its rules say so, and may spoil what passes.
type cable struct {
	joined atomic.Bool
	spoil  func(packet []byte) // nil: it leaves packets as they are
}

// forward takes rules as a switch does: what drops is no rule to forward by.
func (w *cable) forward(rules ...string) error {
	w.joined.Store(rules[0] != "actions=drop")
	return nil
}

// connect runs the cable between the guests' sockets until the test ends.
func (w *cable) connect(t *testing.T, sockets [2]string) {
	pool := newPool(t)
	var ports [2]*vhost.Port
	for i, path := range sockets {
		p, err := vhost.Open("switch", vhost.Options{Pool: pool, Path: path, Gather: -1})
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = p
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	cache, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	var ending atomic.Bool
	var ended sync.WaitGroup
	ended.Go(func() {
		for !ending.Load() {
			w.pass(pool, cache, ports[0], ports[1])
			w.pass(pool, cache, ports[1], ports[0])
			time.Sleep(10 * time.Microsecond) // leaves the guests a CPU where there is but one
		}
	})
	t.Cleanup(func() {
		ending.Store(true)
		ended.Wait()
	})
}

// pass takes a batch from one port to the other.
func (w *cable) pass(pool *frame.Pool, cache *frame.Cache, from, to *vhost.Port) {
	var b frame.Batch
	if from.RxQueues()[0].Recv(&b) == 0 {
		return
	}
	if !w.joined.Load() {
		cache.PutBatch(&b)
		return
	}
	if w.spoil != nil {
		for _, f := range b.Frames() {
			w.spoil(pool.Bytes(f))
		}
	}
	q := to.TxQueues()[0]
	q.Send(&b)
	q.Flush()
}

func newPool(t *testing.T) *frame.Pool {
	pool, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

func sockets(t *testing.T) [2]string {
	dir := t.TempDir()
	return [2]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
}

// pumped returns a pump between whose guests w stands.
func pumped(t *testing.T, w *cable, o Options) *Pump {
	o.Sockets = sockets(t)
	u, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	w.connect(t, o.Sockets)
	return u
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

var small = stream.Spec{Size: "64", Flows: 16, Vary: []string{"source-port"}}

func TestPacketsArriveAsTheyWereSentAndAreCounted(t *testing.T) {
	for name, split := range map[string]bool{"packed rings": false, "split rings": true} {
		t.Run(name, func(t *testing.T) {
			w := new(cable)
			u := pumped(t, w, Options{Split: split, Frames: small})
			if err := u.Effect(patient(t), w.forward, []string{"in_port=1,actions=output:2"}); err != nil {
				t.Fatal(err)
			}
			before, _ := u.Counted()
			stop := u.Run()
			await(t, func() bool { now, _ := u.Counted(); return now > before+10_000 })
			stop()
			if received, offered := u.Counted(); received > offered {
				t.Errorf("%d packets were received of %d", received, offered)
			}
		})
	}
}

func await(t *testing.T, ok func() bool) {
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("packets stopped to arrive")
		}
	}
}

func TestASwitchThatForwardsWhatItIsToDropIsNotMeasured(t *testing.T) {
	w := new(cable)
	w.joined.Store(true)
	u := pumped(t, w, Options{Frames: small})
	deaf := func(...string) error { return nil }
	// Its first packets may need longer than anybody waits for none.
	for ctx := patient(t); ; {
		err := u.Effect(ctx, deaf, []string{"actions=output:2"})
		if err != nil && strings.Contains(err.Error(), "that a rule was to drop") {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPacketThatArrivesChangedIsNoticed(t *testing.T) {
	w := &cable{spoil: func(packet []byte) { packet[len(packet)-1] ^= 1 }}
	w.joined.Store(true)
	u := pumped(t, w, Options{Frames: small})
	if err := u.Arrivals(patient(t)); err == nil || !strings.Contains(err.Error(), "want one of the packets sent") {
		t.Errorf("got %v, want an error about a packet that was changed", err)
	}
}

// By a tunnel's packets a judge is to know what a switch that does not encapsulate would hand on as well.
func TestPacketsOfATunnelAreToBeInItsHeaders(t *testing.T) {
	near := netip.MustParseAddr("192.0.2.1")
	for _, kind := range []string{"vxlan", "geneve"} {
		w := new(cable)
		w.joined.Store(true)
		tunnel := &switches.Tunnel{Type: kind, Key: 42, Near: near, Far: near.Next(), NearMAC: [6]byte{2, 0, 0, 0, 1, 1}, FarMAC: [6]byte{2, 0, 0, 0, 1, 2}}
		u := pumped(t, w, Options{Frames: small, Tunnel: tunnel})
		if err := u.Arrivals(patient(t)); err == nil || !strings.Contains(err.Error(), "want a packet from 192.0.2.1 to 192.0.2.2") {
			t.Errorf("%s: bare packets give %v", kind, err)
		}
	}
}

func TestAProberWaitsForEachPacket(t *testing.T) {
	w := new(cable)
	w.joined.Store(true)
	at := sockets(t)
	p, err := NewProber(at, true, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	w.connect(t, at)
	if err := p.Meet(patient(t)); err != nil {
		t.Fatal(err)
	}
	times, err := p.Probe(patient(t), 1000, 50*time.Millisecond, nil)
	if err != nil || len(times) != 50 {
		t.Fatalf("%d packets, %v; want 50", len(times), err)
	}
	for _, d := range times {
		if d <= 0 {
			t.Errorf("a packet took %v", d)
		}
	}
}

func TestAProberSeesWhetherASwitchDoesAsItIsTold(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		w := new(cable)
		at := sockets(t)
		p, err := NewProber(at, true, 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		w.connect(t, at)
		forward := w.forward
		if deaf {
			w.joined.Store(true)
			forward = func(...string) error { return nil }
			if err := p.Meet(patient(t)); err != nil { // its first packets may need longer than anybody waits for none
				t.Fatal(err)
			}
		}
		err = p.Effect(patient(t), forward, []string{"in_port=1,actions=output:2"})
		if deaf != (err != nil && strings.Contains(err.Error(), "that a rule was to drop")) || !deaf && err != nil {
			t.Errorf("it does as it is told: %v, got %v", !deaf, err)
		}
	}
}

func TestAProberSaysThatNothingPasses(t *testing.T) {
	at := sockets(t)
	p, err := NewProber(at, false, 64)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Meet(ctx); err == nil || !strings.Contains(err.Error(), "no packet passes") {
		t.Errorf("got %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
