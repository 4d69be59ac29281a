//go:build integration

package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/socket"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A host is a switch's Directory and the plug-in's process, here a goroutine, that it speaks with over a socket.
type host struct {
	t    *testing.T
	end  vtep.End
	stop func()
	*vtep.Directory
}

// newHost starts a host whose end is 192.0.2.n.
func newHost(t *testing.T, e *etcd, n byte) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "vtep") // a short path: sockets have 108 bytes for it
	if err != nil {
		t.Fatal(err)
	}
	o := options{socket: filepath.Join(dir, "s"), endpoints: e.clients, prefix: names.prefix, lease: 2 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, o) }()

	h := &host{t: t, end: vtep.End{Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}), Key: 7}}
	plug, err := socket.New(socket.Options{Path: o.socket, Self: []netip.Addr{h.end.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	h.Directory, err = vtep.New(vtep.Options{Clock: func() int64 { return int64(time.Since(start)) }, Self: []netip.Addr{h.end.Addr}}, plug, nil)
	if err != nil {
		t.Fatal(err)
	}
	ticks := make(chan struct{})
	go func() {
		defer close(ticks)
		for ctx.Err() == nil {
			h.Tick()
			wait(ctx, 50*time.Millisecond)
		}
	}()
	stopped := false
	h.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-ticks
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	}
	t.Cleanup(h.stop)
	return h
}

// wait waits until cond holds.
func (h *host) wait(what string, cond func() bool) {
	h.t.Helper()
	for end := time.Now().Add(vteptest.Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if cond() {
			return
		}
	}
	h.t.Fatalf("not within %v: %s; the plug-in: %+v", vteptest.Patience, what, h.Status())
}

// until asks until the answer is the end of another host (nil: nobody), and returns how long that took.
func (h *host) until(q vtep.Question, want *host) time.Duration {
	h.t.Helper()
	start := time.Now()
	h.wait(q.String(), func() bool {
		r := h.Ask(q, true)
		if want == nil {
			return r.State == vtep.None
		}
		return r.State == vtep.Known && r.Answer.Has(want.end.Addr)
	})
	return time.Since(start)
}

// guest is there, at h.
func (h *host) guest() vtep.Guest {
	g := there
	g.End = h.end
	return g
}

func TestHostsShareOneMappingAndFollowAMove(t *testing.T) {
	e := startEtcd(t)
	a, b, c := newHost(t, e, 1), newHost(t, e, 2), newHost(t, e, 3)
	c.until(byMAC, nil)
	a.Announce(a.guest())
	c.until(byMAC, a)
	c.until(byIP, a)
	c.until(vtep.ForFlood(7), a)

	move := func(to *host) func() {
		return func() {
			to.Announce(to.guest())
			c.until(byMAC, to)
		}
	}
	vteptest.InASecond(t, move(b), move(a))
	a.Withdraw(a.guest()) // what it withdraws late is not its any more
	c.until(vtep.ForFlood(7), b)
	c.wait("an end without guests goes", func() bool {
		r := c.Ask(vtep.ForFlood(7), true)
		return !r.Answer.Has(a.end.Addr)
	})
	if r := c.Ask(byMAC, true); !r.Answer.Has(b.end.Addr) {
		t.Fatalf("%+v", r)
	}
	if r := b.Ask(vtep.ForFlood(7), true); r.Answer.Has(b.end.Addr) {
		t.Fatalf("a host floods to itself: %+v", r)
	}
}

// TestAGuestIsKnownWhenTheLastToAnnounceItHasNot: one that was away for so short that its host did not notice.
func TestAGuestIsKnownWhenTheLastToAnnounceItHasNot(t *testing.T) {
	e := startEtcd(t)
	a, b, c := newHost(t, e, 1), newHost(t, e, 2), newHost(t, e, 3)
	a.Announce(a.guest())
	c.until(byMAC, a)
	b.Announce(b.guest())
	c.until(byMAC, b)
	b.Withdraw(b.guest())
	c.until(byMAC, a)
	c.until(byIP, a)
	c.until(vtep.ForFlood(7), a)

	b.Announce(b.guest())
	c.until(byMAC, b)
	a.Announce(a.guest()) // its host did notice
	c.until(byMAC, a)
	c.until(byIP, a)
	b.Withdraw(b.guest())
	c.wait("b has no guest any more", func() bool {
		r := c.Ask(vtep.ForFlood(7), true)
		return !r.Answer.Has(b.end.Addr)
	})
	if r := c.Ask(byMAC, true); !r.Answer.Has(a.end.Addr) {
		t.Errorf("%+v", r)
	}
}

// TestWhatAnotherHostHasSaidSinceOutlivesALostLease: a host that has to write all it wants anew has nothing new to say.
func TestWhatAnotherHostHasSaidSinceOutlivesALostLease(t *testing.T) {
	e := startEtcd(t)
	a, b, c := newHost(t, e, 1), newHost(t, e, 2), newHost(t, e, 3)
	a.Announce(a.guest())
	c.until(byIP, a)
	taken := b.guest() // another guest with the same address
	taken.MAC[5] = 9
	b.Announce(taken)
	c.until(byIP, b)

	r, err := e.client().Get(t.Context(), names.of(byMAC))
	if err != nil || len(r.Kvs) != 1 {
		t.Fatalf("%v, %v", r, err)
	}
	if _, err := e.client().Revoke(t.Context(), clientv3.LeaseID(r.Kvs[0].Lease)); err != nil {
		t.Fatal(err)
	}
	c.until(byMAC, nil)
	c.until(byMAC, a)
	late := a.guest()
	late.MAC[5], late.IP = 5, netip.Addr{}
	a.Announce(late) // written after all that was written anew
	c.until(vtep.ForMAC(7, late.MAC), a)
	if r := c.Ask(byIP, true); !r.Answer.Has(b.end.Addr) {
		t.Errorf("the address is at %v again", r.Answer.Ends)
	}
}

func TestTheGuestsOfADeadHostGo(t *testing.T) {
	e := startEtcd(t)
	a, c := newHost(t, e, 1), newHost(t, e, 3)
	a.Announce(a.guest())
	c.until(byMAC, a)
	a.stop()
	t.Logf("gone after %v", c.until(byMAC, nil))
	c.until(vtep.ForFlood(7), nil)
}

func TestWhatIsKnownOutlivesEtcdAndComesBackWithIt(t *testing.T) {
	e := startEtcd(t)
	a, b, c := newHost(t, e, 1), newHost(t, e, 2), newHost(t, e, 3)
	a.Announce(a.guest())
	c.until(byMAC, a)
	e.stop()
	c.wait("the plug-in says that etcd is gone", func() bool { return !c.Status().Look.Up })
	c.until(byMAC, a)
	e.wipe()
	b.Announce(b.guest())
	a.Withdraw(a.guest())
	if !e.start() {
		t.Fatal("etcd does not start again")
	}
	c.until(byMAC, b)
}

func TestAHostThatHasNoSuchGuestCorrectsTheDirectory(t *testing.T) {
	e := startEtcd(t)
	a, c := newHost(t, e, 1), newHost(t, e, 3)
	for _, text := range []string{encode(byMAC, a.guest()), `{"addr": "192.0.2.1"}`, `{"key":7,"addr":"192.0.2.1"}`} { // left behind by something
		e.put(names.of(byMAC), text)
		c.until(byMAC, a)
		a.until(byMAC, a)
		a.Shoot(7, there.MAC, a.end.Addr, c.end.Addr)
		c.until(byMAC, nil)
	}

	a.Announce(a.guest())
	c.until(byMAC, a)
	a.Shoot(7, there.MAC, a.end.Addr, c.end.Addr) // it is here after all
	e.put(names.ofEnd(9, a.end.Addr), encode(vtep.ForFlood(9), a.guest()))
	c.until(vtep.ForFlood(9), a) // what came before has been heard of as well
	if r := c.Ask(byMAC, true); r.State != vtep.Known {
		t.Fatalf("%+v", r)
	}
}

func TestNonsenseInEtcdIsCountedAndHurtsNobody(t *testing.T) {
	e := startEtcd(t)
	e.put(names.prefix+"what", "is this")
	e.put(names.of(byIP), `{"addr":"127.0.0.1"}`)
	a, c := newHost(t, e, 1), newHost(t, e, 3)
	a.Announce(a.guest())
	c.until(byMAC, a)
	c.until(byIP, a)
}
