//go:build integration

package overlay

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

const (
	pulseFlows = 32
	slot       = 10 * time.Millisecond
)

// A pulse is one small datagram of each of many flows in every slot of time.
type pulse struct {
	in    *net.UDPConn
	out   [pulseFlows]*net.UDPConn
	start time.Time
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu   sync.Mutex
	sent []bool             // by slot; a sender that the machine has not let run leaves some out
	got  [pulseFlows][]bool // by flow and slot of sending, as far as any has come
}

// pulse begins to send from alice to an address of a namespace's, until the test ends.
func (s *site) pulse(to *lab.Namespace, addr netip.Addr) *pulse {
	s.Helper()
	p := &pulse{start: time.Now()}
	must(s.T, to.Do(func() (err error) {
		p.in, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		return err
	}))
	must(s.T, s.lab.Hosts[0].Do(func() (err error) {
		for i := range p.out {
			if err == nil {
				p.out[i], err = net.DialUDP("udp", nil, p.in.LocalAddr().(*net.UDPAddr))
			}
		}
		return err
	}))
	ctx, stop := context.WithCancel(s.ctx)
	p.stop = stop
	p.ended.Go(func() { p.send(ctx) })
	p.ended.Go(p.receive)
	s.Cleanup(p.end)
	return p
}

func (p *pulse) end() {
	p.stop()
	p.in.Close()
	p.ended.Wait()
	for _, c := range p.out {
		c.Close()
	}
}

func (p *pulse) now() int { return int(time.Since(p.start) / slot) }

func (p *pulse) send(ctx context.Context) {
	tick := time.NewTicker(slot)
	defer tick.Stop()
	var b [8]byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n := p.now()
		p.mu.Lock()
		for len(p.sent) <= n {
			p.sent = append(p.sent, false)
		}
		p.sent[n] = true
		p.mu.Unlock()
		binary.BigEndian.PutUint32(b[4:], uint32(n))
		for i, c := range p.out {
			binary.BigEndian.PutUint32(b[:], uint32(i))
			c.Write(b[:]) // an error is of an earlier one: nobody has taken it
		}
	}
}

func (p *pulse) receive() {
	var b [8]byte
	for {
		k, err := p.in.Read(b[:])
		if err != nil {
			return
		}
		flow, n := binary.BigEndian.Uint32(b[:]), int(binary.BigEndian.Uint32(b[4:]))
		if k != len(b) || flow >= pulseFlows {
			continue
		}
		p.mu.Lock()
		for len(p.got[flow]) <= n {
			p.got[flow] = append(p.got[flow], false)
		}
		p.got[flow][n] = true
		p.mu.Unlock()
	}
}

// flowing waits until something of every flow that was sent after a slot has arrived.
func (s *site) flowing(p *pulse, after int) {
	s.Helper()
	s.eventually("all flows arrive", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range p.got {
			if len(p.got[i]) <= after {
				return false
			}
		}
		return true
	})
}

// silence returns how long the flow that suffered most was silent: the most slots from one on in a row in which it was
// sent and of which nothing has arrived.
func (p *pulse) silence(from int) (d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, got := range p.got {
		var run time.Duration
		for n := from; n < len(got); n++ {
			switch {
			case got[n]:
				run = 0
			case p.sent[n]:
				run += slot
				d = max(d, run)
			}
		}
	}
	return d
}

// eventually waits for something that comes within seconds on a machine without other work.
func (s *site) eventually(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(slot) {
		if time.Now().After(end) {
			s.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// followed has something done to the way that p takes, up to three times, until traffic has once stood still for less
// than a second: what it takes on a machine that is not busy with others. It is never to stand still for five seconds. undo makes everything as it was.
func (s *site) followed(p *pulse, what string, do, undo func(try int)) {
	s.Helper()
	const limit, most = time.Second, 5 * time.Second
	var took []time.Duration
	for try := range 3 {
		from := p.now()
		do(try)
		s.flowing(p, p.now()+int(3*limit/slot))
		d := p.silence(from)
		if took = append(took, d); d >= most {
			s.Errorf("%s: silent for %v", what, d)
		}
		if d < limit {
			s.Logf("%s: the flow that suffered most was silent for %v", what, took)
			return
		}
		undo(try)
	}
	s.Errorf("%s: silent for %v, want less than %v at least once", what, took, limit)
}
