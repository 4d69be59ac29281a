package flood

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// session hands memory and rings over, and waits until the switch is gone.
func (g *Guest) session(ctx context.Context, conn *proto.Conn) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := g.negotiate(conn); err != nil {
		return fmt.Errorf("negotiate: %w", err)
	}
	made, err := g.makeRings()
	if err != nil {
		return err
	}
	if err := g.handOver(conn); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	g.begin(made)
	defer g.begin([rings]*driver.Carousel{})
	g.up.Store(true)
	defer g.up.Store(false)
	if err := <-conn.Watch(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// begin gives rings to whoever uses them, or takes them away.
func (g *Guest) begin(made [rings]*driver.Carousel) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rings = made
	for i, r := range made {
		if r != nil {
			g.bells[i].Ring(g.kicks[i]) // starts the ring (vhost-user, "Ring states")
		}
	}
}

// negotiate agrees on what is wanted, and is an error where the switch has not all of it.
func (g *Guest) negotiate(conn *proto.Conn) error {
	n, err := conn.AskNumber(proto.GetFeatures)
	if err != nil {
		return err
	}
	want := proto.Version1 | proto.InOrder | proto.ProtocolBit
	if g.packed {
		want |= proto.RingPacked
	}
	if offered := proto.Features(n); offered&want != want {
		return fmt.Errorf("the switch does not offer %s", want&^offered)
	}
	if n, err = conn.AskNumber(proto.GetProtocolFeatures); err != nil {
		return err
	}
	p := proto.ProtocolFeatures(n) & (proto.PReplyAck | proto.PMQ)
	if err := conn.Tell(proto.SetProtocolFeatures, proto.U64(p)); err != nil {
		return err
	}
	conn.SetAcks(p.Has(proto.PReplyAck))
	if err := conn.Tell(proto.SetOwner, nil); err != nil {
		return err
	}
	return conn.Tell(proto.SetFeatures, proto.U64(want))
}

// config is how a ring is made.
func config(ring int) driver.Config {
	return driver.Config{Size: RingSize, Base: guestAt + uint64(ring*ringBytes), InOrder: true}
}

// makeRings lays the rings out anew and gives the switch all buffers for receiving. Nobody uses them yet.
func (g *Guest) makeRings() (made [rings]*driver.Carousel, err error) {
	for i := range made {
		made[i], err = driver.NewCarousel(g.packed, g.memory.ring(i), config(i), buffers(i), i == receives)
		if err != nil {
			return made, err
		}
	}
	made[receives].Give(RingSize)
	return made, nil
}

// handOver tells the switch about memory and rings.
func (g *Guest) handOver(conn *proto.Conn) error {
	if err := conn.Tell(proto.SetMemTable, g.memory.region(), g.memory.fd); err != nil {
		return err
	}
	for i := range rings {
		if err := g.giveRing(conn, i); err != nil {
			return fmt.Errorf("ring %d: %w", i, err)
		}
	}
	for i := range rings {
		if err := conn.Tell(proto.SetVringEnable, proto.VringState{Index: uint32(i), Num: 1}); err != nil {
			return err
		}
	}
	return nil
}

// giveRing tells the switch about a ring, which begins at the beginning.
func (g *Guest) giveRing(conn *proto.Conn, i int) error {
	start := uint32(0)
	if g.packed { // wrap counters of 1, for available and used entries
		start = 1<<15 | 1<<31
	}
	l := driver.SplitLayout(config(i))
	if g.packed {
		l = driver.PackedLayout(config(i))
	}
	at := uint64(userAt + i*ringBytes)
	if err := conn.Tell(proto.SetVringNum, proto.VringState{Index: uint32(i), Num: RingSize}); err != nil {
		return err
	}
	if err := conn.Tell(proto.SetVringBase, proto.VringState{Index: uint32(i), Num: start}); err != nil {
		return err
	}
	if err := conn.Tell(proto.SetVringAddr, proto.VringAddr{Index: uint32(i), Desc: at, Avail: at + uint64(l.Driver), Used: at + uint64(l.Device)}); err != nil {
		return err
	}
	if err := conn.Tell(proto.SetVringCall, proto.VringFile{Index: uint8(i)}, g.calls[i]); err != nil {
		return err
	}
	return conn.Tell(proto.SetVringKick, proto.VringFile{Index: uint8(i)}, g.kicks[i])
}
