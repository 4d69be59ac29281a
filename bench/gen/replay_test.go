package gen

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/culvertdev/culvert/bench/gen/capture"
)

// captured writes a capture of so many frames, a millisecond apart.
func captured(t *testing.T, frames int) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	must(t, w.WriteFileHeader(65535, layers.LinkTypeEthernet))
	for i := range frames {
		ci := gopacket.CaptureInfo{Timestamp: time.Unix(100, 0).Add(time.Duration(i) * time.Millisecond), CaptureLength: 60, Length: 60}
		must(t, w.WritePacket(ci, make([]byte, 60)))
	}
	path := filepath.Join(t.TempDir(), "c.pcap")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// replay has a thread send a capture for so long. It is told the time since it began, and whether it has its CPU then.
func replay(t *testing.T, length, catchUp time.Duration, spec capture.Spec) func(after time.Duration, turns bool) (offered uint64, ended bool) {
	t.Helper()
	g := newGenerator(t)
	j, err := Job{Time: Duration(length), CatchUp: Duration(catchUp), Streams: []Stream{{From: "a", To: "b", Capture: &spec}}}.withDefaults()
	must(t, err)
	r, err := g.prepare(j)
	must(t, err)
	t.Cleanup(r.close)
	th, begun := r.threads[0], r.clock.Cycles()
	th.begin(begun)
	return func(after time.Duration, turns bool) (uint64, bool) {
		now := begun + r.cycles(after)
		if turns {
			th.turn(r.phase.Load(), now)
		}
		th.end(now)
		return r.senders[0].offered, r.phase.Load() == lingering
	}
}

// Its frames that were due before the end leave after it, and no others.
func TestACaptureHasTimeAtItsEndToMakeGoodFor(t *testing.T) {
	const ms = time.Millisecond
	spec := capture.Spec{Path: captured(t, 30)}
	at := replay(t, 10*ms, 5*ms, spec)
	if n, ended := at(4*ms+ms/2, true); n != 5 || ended {
		t.Errorf("in the middle: %d frames, ended: %v; want 5 and no end", n, ended)
	}
	if n, ended := at(12*ms, false); n != 5 || ended {
		t.Errorf("held up until behind the end: %d frames, ended: %v; want to be waited for", n, ended)
	}
	if n, ended := at(14*ms, true); n != 10 || !ended {
		t.Errorf("when it goes on: %d frames, ended: %v; want the 10 that were due before the end, and the end", n, ended)
	}
	at = replay(t, 10*ms, 5*ms, spec)
	if _, ended := at(15*ms+ms/2, false); !ended {
		t.Error("who does not go on is waited for without end")
	}
}

func TestOneCapturedFrameIsSentEveryMillisecond(t *testing.T) {
	const ms = time.Millisecond
	at := replay(t, 100*ms, 10*ms, capture.Spec{Path: captured(t, 1), Repeat: 50})
	at(0, true)
	if n, _ := at(ms/2, true); n != 1 {
		t.Errorf("%d frames left in half a millisecond, want one", n)
	}
	if n, _ := at(ms+ms/2, true); n != 2 {
		t.Errorf("%d frames left in one and a half, want two", n)
	}
}
