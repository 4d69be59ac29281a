package flood

import (
	"context"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/cable"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/switches"
)

// small are packets of a few flows.
func small() stream.Spec { return stream.Spec{Flows: 16, Vary: []string{"source-port"}} }

// many are packets of more flows than are kept ready.
func many() stream.Spec {
	return stream.Spec{
		Flows: 3000, Vary: []string{"destination-address"}, Destination: stream.Endpoint{Address: netip.MustParseAddr("10.253.0.0")},
		Source: stream.Endpoint{Address: netip.MustParseAddr("10.254.0.0")},
	}
}

// sockets returns where guests may listen.
func sockets(t *testing.T) [2]string {
	dir := t.TempDir()
	return [2]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
}

// started returns a flood that runs until the test ends, and the sockets of its guests.
func started(t *testing.T, o Options) (*Flood, [2]string) {
	t.Helper()
	o.Sockets, o.CPU = sockets(t), -1
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, o.Sockets
}

// connect runs a cable between sockets until the test ends, or it is closed before.
func connect(t *testing.T, w *cable.Cable, at [2]string) {
	t.Helper()
	if err := w.Connect(at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// joined returns a cable by which packets pass.
func joined() *cable.Cable {
	w := new(cable.Cable)
	w.Joined.Store(true)
	return w
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// arrive waits until n more packets have arrived.
func arrive(t *testing.T, f *Flood, n uint64) {
	t.Helper()
	before, err := f.Counted()
	must(t, err)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		now, err := f.Counted()
		must(t, err)
		if now.Since(before).Received >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d packets arrived, want %d more than %d", now.Received, n, before.Received)
		}
	}
}

func TestPacketsArriveAsTheyWereSentAndAreCounted(t *testing.T) {
	for name, packed := range map[string]bool{"packed rings": true, "split rings": false} {
		for kind, frames := range map[string]stream.Spec{"few flows": small(), "many flows": many(), "several sizes": {Size: "imix", Flows: 7}} {
			for way, both := range map[string]bool{"one way": false, "both ways": true} {
				t.Run(strings.Join([]string{name, kind, way}, ", "), func(t *testing.T) {
					f, at := started(t, Options{Packed: packed, Both: both, Frames: frames})
					connect(t, joined(), at)
					must(t, f.Link(patient(t)))
					must(t, f.Check(patient(t), 5000)) // more than a ring has, and all flows
					arrive(t, f, 5000)
				})
			}
		}
	}
}

func TestOneWayOnlyOneGuestSends(t *testing.T) {
	for name, out := range map[string]bool{"the first": false, "the second": true} {
		t.Run(name, func(t *testing.T) {
			f, at := started(t, Options{Out: out, Frames: small()})
			connect(t, joined(), at)
			must(t, f.Check(patient(t), 1000))
			var free [2]int
			for i, g := range f.guests {
				g.mu.Lock()
				_, free[i] = g.rings[sends].Free()
				g.mu.Unlock()
			}
			if idle := [2]bool{free[0] == RingSize, free[1] == RingSize}; idle != [2]bool{out, !out} {
				t.Errorf("%d entries of the two are free", free)
			}
		})
	}
}

func TestNothingArrivesWhereASwitchDropsAll(t *testing.T) {
	f, at := started(t, Options{Both: true, Frames: small()})
	connect(t, new(cable.Cable), at)
	must(t, f.Link(patient(t)))
	for {
		c, err := f.Counted()
		must(t, err)
		if c.Received > 0 {
			t.Fatalf("%d packets arrived", c.Received)
		}
		if c.Offered > 10*RingSize {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAGuestsOwnPacketsThatComeBackAreNotTheOthers(t *testing.T) {
	for kind, frames := range map[string]stream.Spec{"few flows": small(), "many flows": many()} {
		f, _ := started(t, Options{Both: true, Frames: frames})
		own := slices.Clone(f.sent[0].list[0])
		if c := f.sent[0].count; c != nil {
			c.put(own, 5)
		}
		if err := f.judges[0](own); err == nil {
			t.Errorf("%s: the first guest takes its own packet for one of the second's", kind)
		}
		must(t, f.judges[1](own))
	}
}

func TestAPacketThatArrivesChangedIsNoticed(t *testing.T) {
	for kind, frames := range map[string]stream.Spec{"few flows": small(), "many flows": many()} {
		t.Run(kind, func(t *testing.T) {
			f, at := started(t, Options{Frames: frames})
			w := joined()
			w.Spoil = func(packet []byte) { packet[len(packet)-1] ^= 1 }
			connect(t, w, at)
			if err := f.Check(patient(t), 100); err == nil || !strings.Contains(err.Error(), "want one of the packets sent") {
				t.Errorf("got %v, want an error about a packet that was changed", err)
			}
		})
	}
}

func TestManyFlowsCountOnAndBeginAgain(t *testing.T) {
	sent, _, err := Options{Frames: many()}.prepare()
	must(t, err)
	check := Options{Frames: many()}.judge(sent[0])
	for _, n := range []uint32{0, 1, 255, 256, 2999} {
		packet := slices.Clone(sent[0].list[0])
		sent[0].count.put(packet, n)
		must(t, check(packet))
		if got := netip.AddrFrom4([4]byte(packet[dstAt:])); got != netip.AddrFrom4([4]byte{10, 253, byte(n >> 8), byte(n)}) {
			t.Errorf("flow %d goes to %v", n, got)
		}
	}
	packet := slices.Clone(sent[0].list[0])
	sent[0].count.put(packet, 3000)
	if err := check(packet); err == nil {
		t.Error("a packet of a flow that there is not was taken for one of those sent")
	}
}

// Rules that each are to get the same share of packets depend on it.
func TestFlowsThatComeInTurnHaveAsManyPacketsEach(t *testing.T) {
	for _, flows := range []int{1, 7, 16, 768, 1000, Packets} {
		sent, _, err := Options{Frames: stream.Spec{Flows: flows, Vary: []string{"destination-address"}}}.prepare()
		must(t, err)
		times := make(map[[4]byte]int)
		for _, packet := range sent[0].list {
			times[[4]byte(packet[dstAt:])]++
		}
		each := slices.Sorted(maps.Values(times))
		if len(each) != flows || each[0] != each[flows-1] {
			t.Errorf("%d flows: packets of %d, from %d to %d of each", flows, len(each), each[0], each[len(each)-1])
		}
	}
}

// By a tunnel's packets a judge is to know what a switch that does not encapsulate would hand on as well.
func TestPacketsOfATunnelAreToBeInItsHeaders(t *testing.T) {
	near := netip.MustParseAddr("192.0.2.1")
	for _, kind := range []string{"vxlan", "geneve"} {
		t.Run(kind, func(t *testing.T) {
			tunnel := &switches.Tunnel{Type: kind, Key: 42, Near: near, Far: near.Next(), NearMAC: [6]byte{2, 0, 0, 0, 1, 1}, FarMAC: [6]byte{2, 0, 0, 0, 1, 2}}
			f, at := started(t, Options{Frames: small(), Tunnel: tunnel})
			connect(t, joined(), at)
			if err := f.Check(patient(t), 100); err == nil || !strings.Contains(err.Error(), "want a packet from 192.0.2.1 to 192.0.2.2") {
				t.Errorf("bare packets give %v", err)
			}
		})
	}
}

func TestAFloodThatCannotBeIsRefused(t *testing.T) {
	six, six6, mixed, within := many(), many(), many(), many()
	mixed.Size = "imix"
	within.Tunnel = &stream.Tunnel{Type: "vxlan"}
	ends := stream.Spec{Flows: 3001, Vary: many().Vary, Source: stream.Endpoint{Address: netip.MustParseAddr("fd00::1")}}
	six.IPv6, six6.Vary = true, []string{"source-port"}
	for want, o := range map[string]Options{
		"both ways that comes out": {Both: true, Out: true}, "3000 flows, want at most 1024": {Frames: six6}, "IPv4 address": {Frames: six},
		"3000 flows, want at most 1024 where they differ in anything but the destination's IPv4 address, or are in a tunnel": {Frames: within}, "3001 flows, want at most 1024": {Frames: ends},
		"want at most 2240": {Frames: stream.Spec{Size: "9000"}}, `size "x"`: {Frames: stream.Spec{Size: "x"}}, "several sizes": {Frames: mixed},
		"different source MAC addresses": {Frames: stream.Spec{Flows: 2, Vary: []string{"source-mac"}}},
	} {
		o.Sockets = sockets(t)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A switch that is started again finds the guests as if they had been.
func TestASwitchThatComesBackIsFloodedAgain(t *testing.T) {
	for name, packed := range map[string]bool{"packed rings": true, "split rings": false} {
		t.Run(name, func(t *testing.T) {
			f, at := started(t, Options{Packed: packed, Both: true, Frames: small()})
			for range 3 {
				w := joined()
				must(t, w.Connect(at))
				must(t, f.Link(patient(t)))
				arrive(t, f, 3*RingSize)
				must(t, w.Close())
				for end := time.Now().Add(time.Minute); f.guests[0].Up() || f.guests[1].Up(); time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("the switch is gone, and its guests have not noticed")
					}
				}
			}
		})
	}
}
