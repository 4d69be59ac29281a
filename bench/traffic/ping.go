package traffic

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/encap/wire"
)

// Ping says how to ping. The zero value of each field picks the default named beside it.
type Ping struct {
	Count   int           // echo requests; default 5
	Size    int           // bytes behind the ICMP header; default 56, as ping(8)
	Timeout time.Duration // for each reply; default 500 ms
}

// Echoes is what came of it.
type Echoes struct {
	Sent, Received int
	Min, Avg, Max  time.Duration // round trips; 0 without any
}

// Lost returns how many requests had no reply.
func (e Echoes) Lost() int { return e.Sent - e.Received }

func (e Echoes) String() string {
	if e.Received == 0 {
		return fmt.Sprintf("%d sent, none came back", e.Sent)
	}
	return fmt.Sprintf("%d sent, %d came back, round trip %s / %s / %s",
		e.Sent, e.Received, round(e.Min), round(e.Avg), round(e.Max))
}

func round(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// Types of ICMP and ICMPv6 messages, RFC 792 and RFC 4443 section 4.
const (
	echoReply4, echoRequest4 = 0, 8
	echoRequest6, echoReply6 = 128, 129
	icmpHeader               = 8 // bytes
)

// Run sends echo requests from a namespace, the next one when the last is answered or given up. Loss is
// no error.
func (p Ping) Run(ctx context.Context, from *lab.Namespace, to netip.Addr) (Echoes, error) {
	e, err := p.From(ctx, from.Do, to)
	if err != nil {
		err = fmt.Errorf("from %s: %w", from.Name(), err)
	}
	return e, err
}

// From is Run for hosts of other kinds: do runs a function where the host's sockets are opened.
func (p Ping) From(ctx context.Context, do func(func() error) error, to netip.Addr) (Echoes, error) {
	p = p.withDefaults()
	network, any := "ip4:icmp", "0.0.0.0"
	if to.Is6() {
		network, any = "ip6:ipv6-icmp", "::"
	}
	var conn net.PacketConn
	err := do(func() (err error) {
		conn, err = net.ListenPacket(network, any)
		return err
	})
	if err != nil {
		return Echoes{}, fmt.Errorf("ping %s: %w", to, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	e := &pinger{Ping: p, conn: conn, to: to, id: uint16(rand.Uint32()), buf: make([]byte, 1<<16)}
	for seq := range p.Count {
		if err := e.echo(ctx, uint16(seq)); err != nil {
			return e.result(), fmt.Errorf("ping %s: %w", to, err)
		}
	}
	return e.result(), nil
}

func (p Ping) withDefaults() Ping {
	if p.Count == 0 {
		p.Count = 5
	}
	if p.Size == 0 {
		p.Size = 56
	}
	if p.Timeout == 0 {
		p.Timeout = 500 * time.Millisecond
	}
	return p
}

// A pinger is one run of Ping.
type pinger struct {
	Ping
	conn   net.PacketConn
	to     netip.Addr
	id     uint16
	buf    []byte
	echoes Echoes
	sum    time.Duration
}

func (p *pinger) result() Echoes {
	if p.echoes.Received > 0 {
		p.echoes.Avg = p.sum / time.Duration(p.echoes.Received)
	}
	return p.echoes
}

// echo sends one request and waits for its reply.
func (p *pinger) echo(ctx context.Context, seq uint16) error {
	req := p.message(echoRequest4, echoRequest6, seq)
	start := time.Now()
	p.echoes.Sent++
	if _, err := p.conn.WriteTo(req, &net.IPAddr{IP: p.to.AsSlice()}); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	want := p.message(echoReply4, echoReply6, seq)
	p.conn.SetReadDeadline(start.Add(p.Timeout))
	for {
		n, _, err := p.conn.ReadFrom(p.buf)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return nil // lost
		case sameMessage(p.buf[:n], want):
			p.count(time.Since(start))
			return nil
		}
	}
}

func (p *pinger) count(d time.Duration) {
	e := &p.echoes
	if e.Received == 0 || d < e.Min {
		e.Min = d
	}
	e.Max = max(e.Max, d)
	e.Received++
	p.sum += d
}

// message returns an echo message of the address family's type. The kernel fills in the checksum of
// ICMPv6, which covers addresses; ICMP's is filled in here.
func (p *pinger) message(type4, type6 byte, seq uint16) []byte {
	m := make([]byte, icmpHeader+p.Size)
	m[0] = type4
	if p.to.Is6() {
		m[0] = type6
	}
	binary.BigEndian.PutUint16(m[4:], p.id)
	binary.BigEndian.PutUint16(m[6:], seq)
	copy(m[icmpHeader:], pattern[seq:])
	if p.to.Is4() {
		binary.BigEndian.PutUint16(m[2:], wire.Checksum(m))
	}
	return m
}

// sameMessage compares all but the checksum, which the kernel has checked.
func sameMessage(got, want []byte) bool {
	return len(got) == len(want) && bytes.Equal(got[:2], want[:2]) && bytes.Equal(got[4:], want[4:])
}
