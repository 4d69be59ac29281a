package memport

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// driven opens a port by the driver.
func driven(t *testing.T, d *Driver, name string, options map[string]string) *Port {
	t.Helper()
	p, err := d.Open(t.Context(), name, options)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*Port)
}

func TestSendingToNobodyIsCounted(t *testing.T) {
	pool := newPool(t, 64)
	port := driven(t, New(pool, slog.New(slog.DiscardHandler)), "alone", nil)
	tx := port.TxQueues()[0]
	var b frame.Batch
	send := func(want int) {
		t.Helper()
		fill(t, pool, &b, 2)
		if n := tx.Send(&b); n != want || b.Len() != 0 {
			t.Errorf("sent %d frames and left %d, want %d and 0", n, b.Len(), want)
		}
	}
	if port.LinkUp() || port.Peer() != nil {
		t.Error("a port with nobody at its other end has carrier")
	}
	send(0)
	peer, err := port.Attach()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := port.Attach(); !errors.Is(err, ErrTaken) {
		t.Errorf("a second peer: error %v, want %v", err, ErrTaken)
	}
	if !port.LinkUp() {
		t.Error("a port with a peer has no carrier")
	}
	send(2)
	peer.SetLink(false)
	if port.LinkUp() {
		t.Error("a port whose peer is down has carrier")
	}
	send(0)
	peer.SetLink(true)
	closeAll(t, peer)
	peer.SetLink(true)
	if port.LinkUp() {
		t.Error("a peer that is closed gives carrier")
	}
	send(0)
	wantCounters(t, tx, map[string]uint64{"tx_packets": 2, "tx_no_peer": 6})
	closeAll(t, port)
	if _, err := port.Attach(); !errors.Is(err, ErrClosed) {
		t.Errorf("attach to a closed port: error %v, want %v", err, ErrClosed)
	}
}

func TestTwoPortsWithOneLinkAreConnected(t *testing.T) {
	pool := newPool(t, 256)
	d := New(pool, slog.New(slog.DiscardHandler))
	o := map[string]string{"link": "a-b", "queues": "2", "ring-size": "64"}
	a := driven(t, d, "a", o)
	if a.LinkUp() {
		t.Error("half a link has carrier")
	}
	if _, err := a.Attach(); !errors.Is(err, ErrTaken) {
		t.Errorf("attach to a named link: error %v, want %v", err, ErrTaken)
	}
	_, err := d.Open(t.Context(), "b", map[string]string{"link": "a-b", "ring-size": "64"})
	want := "link a-b to port a: its other end has 2 queues of 64 frames, this one 1 of 64"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("an end with fewer queues: error %v, want %q", err, want)
	}
	b := driven(t, d, "b", o)
	if !a.LinkUp() || !b.LinkUp() {
		t.Error("a whole link has no carrier")
	}
	if _, err := d.Open(t.Context(), "c", o); err == nil || !strings.Contains(err.Error(), "ports a and b") {
		t.Errorf("a third port on a link: error %v", err)
	}
	var batch frame.Batch
	for round := range 3 { // the second end comes and goes, frames in both directions' rings
		for q := range 2 {
			fill(t, pool, &batch, 3+q)
			if n := a.TxQueues()[q].Send(&batch); n != 3+q {
				t.Errorf("round %d queue %d: sent %d packets, want %d", round, q, n, 3+q)
			}
		}
		if n := b.RxQueues()[1].Recv(&batch); n != 4 {
			t.Errorf("round %d: received %d packets on queue 1, want the 4 of that queue", round, n)
		}
		b.TxQueues()[0].Send(&batch)
		closeAll(t, b)
		if a.LinkUp() {
			t.Error("half a link has carrier")
		}
		b = driven(t, d, "b", o)
	}
	closeAll(t, a, b)
	closeAll(t, driven(t, d, "a", map[string]string{"link": "a-b"})) // the name is free again
}

func TestBadOptionsAreNamed(t *testing.T) {
	d := New(newPool(t, 64), slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		options map[string]string
		want    string
	}{
		{map[string]string{"queues": "65"}, "option queues: want a whole number from 1 to 64"},
		{map[string]string{"ring-size": "100"}, "option ring-size: want a power of two, found \"100\""},
		{map[string]string{"mtu": "67"}, "option mtu: want a whole number from 68 to 65535"},
		{map[string]string{"mac": "x"}, "option mac: want a unicast Ethernet address"},
		{map[string]string{"peer": "x"}, "option peer: unknown; want one of link, mac, mtu, queues, ring-size"},
	} {
		_, err := d.Open(t.Context(), "m", tc.options)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: error %v, want %q", tc.options, err, tc.want)
		}
	}
}
