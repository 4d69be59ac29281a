package datapath_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/pmd/memport"
)

func TestAPacketCrossesTheSwitchUnchanged(t *testing.T) {
	l := newLab(t, datapath.Options{}, &wires{to: map[uint32]uint32{1: 2, 2: 1}}, "a", "b")
	for _, size := range []int{0, 18, 46, 1472} {
		want := udp(t, 1, 2, 1000, size)
		l.send("a", want)
		if got := l.receive("b", 1)[0]; !bytes.Equal(got, want) {
			t.Errorf("payload of %d bytes:\n got % x\nwant % x", size, got, want)
		}
	}
	l.silent("a")
}

func TestPacketsOfAFlowLeaveInTheOrderTheyCame(t *testing.T) {
	// The first packet of each flow goes to the slow path while those behind it would hit the cache:
	// none may overtake it.
	l := newLab(t, datapath.Options{}, &wires{to: map[uint32]uint32{1: 2}, looked: nil}, "a", "b")
	const flows, each = 8, 100
	next := make(map[uint16]byte)
	for i := range each {
		var packets [][]byte
		for f := range flows {
			p := udp(t, 1, 2, uint16(1000+f), 1)
			p[len(p)-1] = byte(i)
			packets = append(packets, p)
		}
		l.send("a", packets...)
	}
	for _, p := range l.receive("b", flows*each) {
		port := uint16(p[34])<<8 | uint16(p[35])
		if got := p[len(p)-1]; got != next[port] {
			t.Fatalf("flow %d: packet %d came when %d was due", port, got, next[port])
		}
		next[port]++
	}
}

func TestEveryPacketIsCountedInOneLevel(t *testing.T) {
	table := &wires{to: map[uint32]uint32{1: 2}}
	l := newLab(t, datapath.Options{SlowPath: datapath.SlowPath{Revalidate: 10 * time.Millisecond}}, table, "a", "b")
	const n = 1000
	for range n / 50 {
		for range 50 {
			l.send("a", udp(t, 1, 2, 7, 20))
		}
		l.receive("b", 50)
	}
	l.send("a", []byte{1, 2, 3})
	l.waitFor("too_short", drops, 1)
	st := l.sw.Stats()
	sum := uint64(0)
	for _, s := range st.Caches {
		sum += s.Value
	}
	if sum != n+1 {
		t.Errorf("the levels add up to %d packets, want %d: %v", sum, n+1, nonZero(st.Caches))
	}
	if up := value(st.Caches, "upcall"); up != 1 {
		t.Errorf("%d packets of one flow went to the slow path, want 1", up)
	}
}

func TestATableThatSaysNothingDropsAndSaysWhy(t *testing.T) {
	l := newLab(t, datapath.Options{}, &wires{}, "a", "b")
	l.send("a", udp(t, 1, 2, 7, 20), udp(t, 1, 2, 7, 20), udp(t, 1, 2, 8, 20))
	l.waitFor("no_match", drops, 3)
	l.silent("b")
}

func TestPortsComeAndGoWhileTrafficRuns(t *testing.T) {
	l := newLab(t, datapath.Options{}, &wires{to: map[uint32]uint32{1: 2}}, "a", "b")
	from, packet := l.peers["a"], udp(t, 1, 2, 7, 20)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				from.SendBytes(packet)
			}
		}
	}()
	for range 20 {
		if err := l.sw.DelPort("b"); err != nil {
			t.Fatal(err)
		}
		if err := l.peers["b"].Close(); err != nil {
			t.Fatal(err)
		}
		l.add("b", memport.Options{})
		before := time.Now()
		for len(l.peers["b"].RecvBytes()) == 0 {
			if time.Since(before) > 5*time.Second {
				t.Fatalf("nothing comes out of the new port; drops: %v", nonZero(l.sw.Stats().Drops))
			}
		}
	}
	close(stop)
	<-done
}
