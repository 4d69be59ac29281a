package datapath_test

import (
	"bytes"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/pmd/memport"
)

func TestAJumboFrameGoesToSeveralPortsWhole(t *testing.T) {
	// 9000 bytes in buffers of 2048; the copies leave tagged, the packet itself as it came, and the port
	// with an ordinary MTU drops and counts it: a UDP packet is not cut.
	table := newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error {
		v.Actions.PushVLAN(0x8100, 7)
		v.Actions.Output(2)
		v.Actions.Output(3)
		v.Actions.PopVLAN()
		v.Actions.Output(4)
		v.Actions.Output(5)
		return nil
	})
	l := newLab(t, datapath.Options{}, table)
	for _, name := range []string{"a", "b", "c", "d"} {
		l.add(name, memport.Options{MTU: 9000})
	}
	l.add("short", memport.Options{MTU: 1500})
	want := udp(t, 1, 2, 7, 9000-28)
	for i := range want[42:] {
		want[42+i] = byte(i ^ i>>8)
	}
	tagged := bytes.Clone(want[:12])
	tagged = append(append(tagged, 0x81, 0, 0, 7), want[12:]...)
	const n = 20
	for range n {
		l.send("a", want)
	}
	for port, want := range map[string][]byte{"b": tagged, "c": tagged, "d": want} {
		for i, got := range l.receive(port, n) {
			if !bytes.Equal(got, want) {
				t.Fatalf("port %s, packet %d: %d bytes, want the %d that were sent", port, i, len(got), len(want))
			}
		}
	}
	waitUntil(t, "the short port counts its drops", func() bool { return value(l.port("short").Samples, "tx_too_long") == n })
	l.silent("short")
}

func TestWhenTheArenaIsExhaustedCopiesAreDroppedAndThePacketGoesOn(t *testing.T) {
	table := newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error {
		v.Actions.Output(3)
		v.Actions.Output(2)
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a", "b", "c")
	l.send("a", udp(t, 1, 2, 7, 20)) // cached from now on
	l.receive("b", 1)
	l.receive("c", 1)
	cache, err := l.pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	var all []func()
	const n = 600 // more than caches have in stock
	packets := make([][]byte, n)
	for i := range packets {
		packets[i] = udp(t, 1, 2, 7, 20)
	}
	l.sw.Sync()
	gate, open := closedGate(toPort(2))
	table.change(rules.ChangeSet{All: true}, func(q *rules.Query, v *rules.Verdict) error {
		if !q.Live {
			v.NoCache = true // so that the flow goes, and its packets wait
			return nil
		}
		if err := gate(q, v); err != nil {
			return err
		}
		v.Actions.Reset()
		v.Actions.Output(3)
		v.Actions.Output(2)
		return nil
	})
	l.sw.Sync()
	l.send("a", packets...)
	l.waitFor("held", events, n-1)
	for f, ok := cache.Get(); ok; f, ok = cache.Get() {
		all = append(all, func() { cache.Put(f) })
	}
	open()
	l.receive("b", n)
	copies := 0
	waitUntil(t, "every copy sent or counted as dropped", func() bool {
		copies += len(l.peers["c"].RecvBytes())
		return copies+int(value(drops(l.sw.Stats()), "no_frames")) == n
	})
	if copies == n {
		t.Error("no copy was dropped: the test shows nothing")
	}
	for _, free := range all {
		free()
	}
	cache.Close()
}
