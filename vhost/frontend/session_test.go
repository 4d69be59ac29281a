package frontend

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
)

// TestABackEndMayGoAndComeAgain has back ends close the connection with packets in both rings: they come home, and the
// next one starts with empty rings.
func TestABackEndMayGoAndComeAgain(t *testing.T) {
	for _, split := range []bool{true, false} {
		p := openPort(t, Options{Split: split, NoInflight: true})
		for round := range uint32(5) {
			b := connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			if n := send(t, p, 0, packet(round, 60), packet(round, 70), packet(round, 80)); n != 3 {
				t.Fatalf("round %d: %d packets taken", round, n)
			}
			poll(t, p, 0)
			b.give(0, headed(packet(round, 90), 1)) // not received any more
			b.die()
			linked(t, p, false)
			if n := send(t, p, 0, packet(round, 60)); n != 0 {
				t.Fatal("sent to nobody")
			}
		}
		eventually(t, func() bool { return value(t, p, "tx_lost") == 15 }, "tx_lost is %d, want 15", value(t, p, "tx_lost"))
		if n := value(t, p.tx[0], "tx_link_down"); n != 5 {
			t.Errorf("tx_link_down is %d, want 5", n)
		}
		if n := value(t, p, "vhost_sessions"); n != 5 {
			t.Errorf("%d sessions, want 5", n)
		}
		if err := p.State().Last; !errors.Is(err, errClosed) {
			t.Errorf("the last session ended: %v", err)
		}
		if p.Err() != nil {
			t.Errorf("the port has stopped: %v", p.Err())
		}
	}
}

// TestSessionsLeaveNoDescriptors counts the process's descriptors after one session and after many, of all kinds: ended by
// either side, with rings kept and not, refused half-way.
func TestSessionsLeaveNoDescriptors(t *testing.T) {
	count := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	p := openPort(t, Options{Queues: 2})
	round := func() {
		for _, twist := range []func(*backend){
			func(*backend) {},
			func(b *backend) { b.features &^= proto.InOrder },
			func(b *backend) { b.protocol &^= proto.PInflightShmFD },
			func(b *backend) { b.protocol &^= proto.PBackendReq | proto.PConfigureMemSlots | proto.PReplyAck },
			func(b *backend) { b.pairs = 1 },
			func(b *backend) {
				b.twist = func(b *backend, m *proto.Message) bool {
					return m.Request == proto.SetVringKick && b.conn.Close() == nil
				}
			},
		} {
			b := connectTo(t, p.o.Path)
			twist(b)
			go b.serve()
			select {
			case <-b.ready:
				linked(t, p, true) // a session that is cut short before makes the port wait
			case <-b.ended:
			}
			b.conn.Close()
			<-b.ended
			b.close()
			linked(t, p, false)
		}
	}
	round()
	before := count()
	for range 5 {
		round()
	}
	eventually(t, func() bool { return count() <= before }, "%d descriptors are open, %d were before", count(), before)
}

// TestRingsOutliveABackEndThatNotesWhatItTakes kills back ends between taking and giving back, with and without others
// behind: each packet reaches some back end once, in order.
func TestRingsOutliveABackEndThatNotesWhatItTakes(t *testing.T) {
	for _, split := range []bool{true, false} {
		p := openPort(t, Options{Split: split})
		number := uint32(0)
		burst := func(n int) (packets [][]byte) {
			for range n {
				packets = append(packets, packet(number, 60))
				number++
			}
			return packets
		}
		var before [][]byte
		for round := range 20 {
			b := connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			if got := p.State().Resumed; got != (round > 0) {
				t.Fatalf("round %d: resumed %v", round, got)
			}
			wantPackets(t, b.take(1), before, nethdr.Size)
			before = burst(7 + round)
			if n := send(t, p, 0, before...); n != len(before) {
				t.Fatalf("round %d: %d packets taken", round, n)
			}
			// The back end takes some, gives fewer of them back, and is gone.
			b.takeSome(1, 5, 3)
			before = before[3:]
			poll(t, p, 0)
			in := packet(uint32(round), 200)
			b.give(0, headed(in, 1))
			b.die()
			linked(t, p, false)
			b = connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			wantPackets(t, poll(t, p, 0), [][]byte{in}, 0)
			b.die()
			linked(t, p, false)
		}
		if n := value(t, p, "tx_lost"); n != 0 {
			t.Errorf("split=%v: tx_lost is %d", split, n)
		}
	}
}

// TestOtherFeaturesMeanOtherRings has a back end come that cannot do what its predecessor could: rings start anew.
func TestOtherFeaturesMeanOtherRings(t *testing.T) {
	p := openPort(t, Options{})
	connectTo(t, p.o.Path).begin().die()
	linked(t, p, false)
	b := connectTo(t, p.o.Path)
	b.features &^= proto.RingPacked | proto.InOrder
	b.begin()
	linked(t, p, true)
	if s := p.State(); s.Resumed || s.Features.Has(proto.RingPacked) {
		t.Errorf("%+v", s)
	}
	send(t, p, 0, packet(1, 60))
	wantPackets(t, b.take(1), [][]byte{packet(1, 60)}, nethdr.Size)
}

// TestRingsAreGivenUpWhenNobodyTakesThemOver has back ends that do not get along with what their predecessor left: one says
// so, others just go away.
func TestRingsAreGivenUpWhenNobodyTakesThemOver(t *testing.T) {
	for name, tc := range map[string]struct {
		tries int
		twist func(b *backend, m *proto.Message) bool
	}{
		"refused": {1, func(b *backend, m *proto.Message) bool {
			if m.Request == proto.SetInflightFD {
				b.conn.Acknowledge(m, proto.ErrRefused)
			}
			return m.Request == proto.SetInflightFD
		}},
		"closed": {keepFor + 1, func(b *backend, m *proto.Message) bool {
			return m.Request == proto.SetInflightFD && b.conn.Close() == nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, Options{})
			b := connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			send(t, p, 0, packet(1, 60))
			b.die()
			for range tc.tries {
				b = connectTo(t, p.o.Path)
				b.twist = tc.twist
				go b.serve()
				<-b.ended
			}
			connectTo(t, p.o.Path).begin()
			linked(t, p, true)
			if s := p.State(); s.Resumed {
				t.Errorf("%+v", s)
			}
			if n := value(t, p, "tx_lost"); n != 1 {
				t.Errorf("tx_lost is %d, want 1", n)
			}
		})
	}
}

func TestAClientConnectsAgainAndAgain(t *testing.T) {
	path := socketPath(t)
	p := openPort(t, Options{Path: path, Client: true})
	for range 3 {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		sock, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		b := newBackend(t, sock.(*net.UnixConn)).begin()
		linked(t, p, true)
		b.die()
		linked(t, p, false)
	}
}

func TestSocketsLeftBehindAreRemoved(t *testing.T) {
	path := socketPath(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, 256)
	if p, err := Open("second", Options{Pool: pool, Path: path}); err == nil || !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("opened a port on a socket that somebody listens on: %v, %v", p, err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	p := openPort(t, Options{Pool: pool, Path: path})
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a closed port leaves its socket: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("third", Options{Pool: pool, Path: path}); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file in the way: %v", err)
	}
}

// TestClosingStopsTheRingsFirst closes the port under a session: the back end is asked to stop each ring.
func TestClosingStopsTheRingsFirst(t *testing.T) {
	p := openPort(t, Options{Queues: 2})
	b := connectTo(t, p.o.Path)
	stopped := make(chan proto.VringState, 8)
	b.twist = func(b *backend, m *proto.Message) bool {
		if m.Request == proto.GetVringBase {
			stopped <- m.Payload.(proto.VringState)
		}
		return false
	}
	b.begin()
	linked(t, p, true)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	<-b.ended
	if len(stopped) != 4 {
		t.Errorf("%d rings were stopped, want 4", len(stopped))
	}
}

func TestABackEndThatIsSilentDoesNotHoldUpClosing(t *testing.T) {
	for name, silent := range map[string]proto.Request{
		"from the start": proto.GetFeatures, "when rings are handed over": proto.SetVringNum, "when rings are stopped": proto.GetVringBase,
	} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, Options{})
			b := connectTo(t, p.o.Path)
			asked := make(chan struct{}, 100)
			b.twist = func(b *backend, m *proto.Message) bool {
				if m.Request == silent {
					asked <- struct{}{}
				}
				return m.Request == silent
			}
			go b.serve()
			if silent == proto.GetVringBase {
				linked(t, p, true)
			} else {
				<-asked
			}
			start := time.Now()
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("closing took %v", d)
			}
		})
	}
}

func TestTheConfigurationSpaceIsFollowed(t *testing.T) {
	p := openPort(t, Options{})
	b := connectTo(t, p.o.Path)
	b.config.MTU = 1400
	b.begin()
	linked(t, p, true)
	if s := p.State(); s.MTU != 1400 {
		t.Errorf("the back end's MTU is %d, want 1400", s.MTU)
	}
	for _, up := range []bool{false, true} {
		b.setLink(up)
		if err := b.back.Tell(proto.BackendConfigChange, nil); err != nil {
			t.Fatal(err)
		}
		linked(t, p, up)
	}
	if err := b.back.Tell(proto.BackendVringCall, proto.VringState{}); !errors.Is(err, proto.ErrRefused) {
		t.Errorf("what was not negotiated is answered with %v", err)
	}
}

func TestQueuePairsAreSwitchedWhileRunning(t *testing.T) {
	p := openPort(t, Options{Queues: 2})
	if err := p.Enable(2, false); err == nil {
		t.Error("a pair that is not there is switched off")
	}
	b := connectTo(t, p.o.Path)
	seen := make(chan proto.VringState, 16)
	b.begin()
	linked(t, p, true)
	b.watch(func(m *proto.Message) {
		if s, ok := m.Payload.(proto.VringState); ok {
			seen <- s
		}
	})
	for _, on := range []bool{false, true} {
		if err := p.Enable(1, on); err != nil {
			t.Fatal(err)
		}
		for _, ring := range []uint32{2, 3} {
			if s := <-seen; s.Index != ring || (s.Num == 1) != on {
				t.Errorf("told %+v, want ring %d %v", s, ring, on)
			}
		}
	}
	if !p.LinkUp() {
		t.Error("the session is gone")
	}
}

func TestAnAddressIsAnnounced(t *testing.T) {
	p := openPort(t, Options{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}})
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	seen := make(chan proto.Payload, 1)
	b.watch(func(m *proto.Message) { seen <- m.Payload })
	if err := p.Announce(); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != (proto.MAC{2, 0, 0, 0, 0, 9}) {
		t.Errorf("announced %v", got)
	}
}

// TestWhatTheBackEndWritesIsLogged has packets go both ways before, during and after logging.
func TestWhatTheBackEndWritesIsLogged(t *testing.T) {
	p := openPort(t, Options{Split: true, NoInflight: true})
	b := connectTo(t, p.o.Path).begin()
	linked(t, p, true)
	changed := make(chan proto.Features, 4)
	flags := make(chan uint32, 8)
	b.watch(func(m *proto.Message) {
		switch v := m.Payload.(type) {
		case proto.U64:
			changed <- proto.Features(v)
		case proto.VringAddr:
			flags <- v.Flags
		}
	})
	l, err := p.StartLog()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if f := <-changed; !f.Has(proto.LogAll) || <-flags != proto.VringLog || <-flags != proto.VringLog {
		t.Errorf("features %s while logging", f)
	}
	if pages := l.Pages(); len(pages) != 0 {
		t.Errorf("pages %x are logged before anything was written", pages)
	}
	for _, a := range []uint64{arenaAt, p.memory.end() - 1} {
		b.logs(a)
		if !l.Has(a) {
			t.Errorf("%#x is not logged", a)
		}
	}
	if err := p.StopLog(); err != nil {
		t.Fatal(err)
	}
	if f := <-changed; f.Has(proto.LogAll) || <-flags != 0 || <-flags != 0 {
		t.Errorf("features %s after logging", f)
	}
}
