package soak

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// A mix is the traffic. What it sends is lost now and then, since ports come and go; only what must
// never happen, such as a changed byte, is a failure.
type mix struct {
	net   *network
	gate  gate
	sent  tally
	fails *journal
	wg    sync.WaitGroup
}

// A stream is one kind of traffic, in pieces of about a second with pauses between them.
type stream struct {
	name  string
	rest  time.Duration // longest pause
	piece func(*mix, context.Context, *rand.Rand)
}

func streams() []stream {
	return []stream{
		{"ping", 500 * time.Millisecond, (*mix).ping},
		{"tcp", 3 * time.Second, (*mix).tcp},
		{"udp", time.Second, (*mix).udp},
		{"large", 3 * time.Second, (*mix).large},
		{"tagged", 3 * time.Second, (*mix).tagged},
		{"malformed", 2 * time.Second, (*mix).malformed},
		{"new flows", 4 * time.Second, (*mix).newFlows},
	}
}

// start starts the streams, which end with ctx.
func (m *mix) start(ctx context.Context, seed uint64) {
	for i, s := range streams() {
		r := rand.New(rand.NewPCG(seed, uint64(i)+1))
		m.wg.Go(func() {
			for ctx.Err() == nil {
				m.gate.piece(func() {
					if ctx.Err() == nil {
						s.piece(m, ctx, r)
					}
				})
				pause(ctx, between(r, s.rest/10, s.rest))
			}
		})
	}
}

// pair returns two different stations and an address of the second.
func (m *mix) pair(r *rand.Rand) (from, to station, addr netip.Addr) {
	i := r.IntN(len(m.net.stations))
	j := (i + 1 + r.IntN(len(m.net.stations)-1)) % len(m.net.stations)
	from, to = m.net.stations[i], m.net.stations[j]
	if r.IntN(2) == 0 {
		return from, to, to.v6
	}
	return from, to, to.v4
}

// ping sends some echo requests of a size that fits in a packet, needs fragments, or fits in a jumbo
// frame where there is one.
func (m *mix) ping(ctx context.Context, r *rand.Rand) {
	from, _, addr := m.pair(r)
	sizes := [...]int{56, 1400, 4000, 8000}
	size := sizes[r.IntN(len(sizes))]
	e, err := traffic.Ping{Count: 5, Size: size, Timeout: pingTimeout}.Run(ctx, from.Namespace, addr)
	m.sent.add("pings", uint64(e.Sent))
	m.sent.add("pings lost", uint64(e.Lost()))
	if err != nil {
		m.sent.add("pings refused by the host", 1) // its link is gone at the moment
	}
}

func (m *mix) tcp(ctx context.Context, r *rand.Rand) {
	from, to, addr := m.pair(r)
	t, err := traffic.Bulk(ctx, from.Namespace, to.Namespace, addr, 400*time.Millisecond)
	m.sent.add("TCP transfers", 1)
	m.sent.add("TCP bytes", t.Bytes)
	m.sent.add("TCP retransmissions", uint64(t.Retransmits))
	switch {
	case errors.Is(err, traffic.ErrDamaged):
		m.fails.add("TCP from %s to %s: %v", from.name, to.name, err)
	case err != nil && ctx.Err() == nil:
		m.sent.add("TCP transfers broken off", 1)
	}
}

// udp sends 64-byte frames of a few hundred flows.
func (m *mix) udp(ctx context.Context, r *rand.Rand) {
	m.flows(ctx, r, "UDP packets", 4000, traffic.Flows{Count: 200, Size: 64})
}

// large sends frames of the largest size that both ends take.
func (m *mix) large(ctx context.Context, r *rand.Rand) {
	m.flows(ctx, r, "large packets", 300, traffic.Flows{Count: 10, Size: 9014})
}

// tagged sends packets in VLANs, most of which the ports do not carry.
func (m *mix) tagged(ctx context.Context, r *rand.Rand) {
	m.flows(ctx, r, "tagged packets", 500, traffic.Flows{Count: 20, Size: 128, VLAN: uint16(10 * (1 + r.IntN(3)))})
}

// flows sends UDP packets from one host to another; a size is cut down to the sender's MTU.
func (m *mix) flows(ctx context.Context, r *rand.Rand, name string, rate int, f traffic.Flows) {
	from, to, addr := m.pair(r)
	if from.host == nil || to.host == nil {
		return
	}
	src := from.v4
	if addr.Is6() {
		src = from.v6
	}
	f.Size = min(f.Size, m.net.mtu(from)+ethernetHeader)
	f.From, f.To = traffic.Endpoint{MAC: from.host.MAC, Addr: src}, traffic.Endpoint{MAC: to.host.MAC, Addr: addr}
	frames, err := f.Frames()
	if err != nil {
		m.fails.add("traffic: %v", err)
		return
	}
	m.blast(ctx, from, name, frames, rate)
}

const ethernetHeader = 14 // bytes

func (m *mix) malformed(ctx context.Context, r *rand.Rand) {
	from, to, _ := m.pair(r)
	frames := malformed(r, 1000)
	if to.host != nil {
		for _, p := range frames {
			if r.IntN(8) != 0 { // the rest goes to host a
				copy(p, to.host.MAC)
			}
		}
	}
	m.blast(ctx, from, "malformed packets", frames, 1000)
}

func (m *mix) newFlows(ctx context.Context, r *rand.Rand) {
	from, to, _ := m.pair(r)
	var mac net.HardwareAddr
	if to.host != nil && r.IntN(2) == 0 {
		mac = to.host.MAC
	}
	m.blast(ctx, from, "packets of new flows", strangers(r, 2000, mac), 2000)
}

// blast sends frames from a host for a second. A host whose link is not there sends nothing.
func (m *mix) blast(ctx context.Context, from station, name string, frames [][]byte, rate int) {
	if from.host == nil {
		return
	}
	b, err := traffic.NewBlaster(from.Namespace, lab.HostLink)
	if err != nil {
		return
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	m.sent.add(name, b.Run(ctx, frames, rate))
}
