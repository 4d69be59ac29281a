package frontend

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A kept is what outlives a session, so that the next back end goes on where the last one stopped.
type kept struct {
	features proto.Features // of the rings
	inflight proto.Inflight // where the back end notes what it has taken
	fd       int            // memory of that; -1: there is none
	tries    int            // sessions since that have come to nothing
}

// handOver gives the back end memory and rings.
func (s *session) handOver() error {
	if err := s.giveMemory(); err != nil {
		return err
	}
	resume := s.kept.fd >= 0 && s.protocol.Has(proto.PInflightShmFD) && s.kept.features == s.features
	if !resume {
		s.resetRings()
		if err := s.makeRings(); err != nil {
			return err
		}
	}
	s.set(func(st *State) { st.Resumed = resume })
	if err := s.giveInflight(); err != nil {
		return err
	}
	s.handed = true
	for _, q := range s.rings() {
		if err := s.giveRing(q); err != nil {
			return fmt.Errorf("ring %d: %w", q.index, err)
		}
	}
	if err := s.enable(s.rings(), true); err != nil {
		return err
	}
	return s.status(proto.StatusAcknowledge | proto.StatusDriver | proto.StatusFeaturesOK | proto.StatusDriverOK)
}

// giveMemory tells the back end about the guest's memory.
func (s *session) giveMemory() error {
	table, fds := s.memory.regions()
	if !s.protocol.Has(proto.PConfigureMemSlots) {
		return s.conn.Tell(proto.SetMemTable, table, fds...)
	}
	slots, err := s.conn.AskNumber(proto.GetMaxMemSlots)
	if err != nil {
		return err
	}
	if slots < uint64(len(table)) {
		return fmt.Errorf("the back end has room for %d regions of memory, want %d", slots, len(table))
	}
	for i, r := range table {
		if err := s.conn.Tell(proto.AddMemReg, r, fds[i]); err != nil {
			return err
		}
	}
	return nil
}

// config returns how ring index is to be made.
func (s *session) config(index int) driver.Config {
	c := driver.Config{
		Size: s.o.RingSize, Base: s.memory.ringsAt + uint64(s.ringAt(index)),
		EventIndex: s.features.Has(proto.EventIdx), InOrder: s.features.Has(proto.InOrder),
	}
	if s.features.Has(proto.IndirectDesc) {
		c.Table = tableOf(index)
	}
	return c
}

// makeRings lays the rings out anew. They have been reset.
func (s *session) makeRings() error {
	s.kept.features = s.features
	packed := s.features.Has(proto.RingPacked)
	for _, q := range s.rings() {
		var err error
		memory := s.memory.rings[s.ringAt(q.index):s.ringAt(q.index+1)]
		if q.ring, err = newRing(packed, memory, s.config(q.index)); err != nil {
			return err
		}
		q.made = true
	}
	for i := range s.rx {
		s.rx[i].configure(s.features)
		s.tx[i].configure(s.features)
	}
	return nil
}

// giveInflight gives the back end the memory in which it notes what it has taken: one that it has allocated itself, or
// its predecessor ("Inflight I/O tracking").
func (s *session) giveInflight() error {
	if !s.protocol.Has(proto.PInflightShmFD) {
		return nil
	}
	if s.kept.fd < 0 {
		rings := proto.Inflight{Queues: uint16(len(s.rings())), QueueSize: uint16(s.o.RingSize)}
		m, err := s.conn.Ask(proto.GetInflightFD, rings)
		if err != nil {
			return err
		}
		defer m.Close()
		if m.Files() == 0 {
			return fmt.Errorf("%s: the back end has no memory for %d rings of %d entries", m.Request, rings.Queues, rings.QueueSize)
		}
		s.kept.inflight, s.kept.fd = m.Payload.(proto.Inflight), m.Take(0)
	}
	return s.conn.Tell(proto.SetInflightFD, s.kept.inflight, s.kept.fd)
}

// giveRing tells the back end about one ring.
func (s *session) giveRing(q *queue) error {
	i := uint32(q.index)
	if err := s.conn.Tell(proto.SetVringNum, proto.VringState{Index: i, Num: uint32(s.o.RingSize)}); err != nil {
		return err
	}
	if err := s.conn.Tell(proto.SetVringBase, proto.VringState{Index: i, Num: q.ring.position()}); err != nil {
		return err
	}
	if err := s.conn.Tell(proto.SetVringAddr, s.address(q, false)); err != nil {
		return err
	}
	if err := s.conn.Tell(proto.SetVringCall, proto.VringFile{Index: uint8(i)}, q.call.fd); err != nil {
		return err
	}
	return s.conn.Tell(proto.SetVringKick, proto.VringFile{Index: uint8(i)}, q.kick.fd)
}

// address returns where the parts of a ring are; log asks the back end to log what it writes to it.
func (s *session) address(q *queue, log bool) proto.VringAddr {
	c := s.config(q.index)
	l := layout(s.features.Has(proto.RingPacked), c)
	a := proto.VringAddr{
		Index: uint32(q.index),
		Desc:  userAt + c.Base, Avail: userAt + c.Base + uint64(l.Driver), Used: userAt + c.Base + uint64(l.Device),
	}
	if log {
		a.Flags = proto.VringLog
		a.Log = c.Base + uint64(l.Device)
		if s.features.Has(proto.RingPacked) {
			a.Log = c.Base // back ends of DPDK add the places of used descriptors to it; ours knows where they are
		}
	}
	return a
}

// enable switches rings on or off. Without the protocol feature they are on from the start ("Ring states").
func (s *session) enable(qs []*queue, on bool) error {
	if !s.features.Has(proto.ProtocolBit) {
		return nil
	}
	n := uint32(0)
	if on {
		n = 1
	}
	for _, q := range qs {
		if err := s.conn.Tell(proto.SetVringEnable, proto.VringState{Index: uint32(q.index), Num: n}); err != nil {
			return err
		}
	}
	return nil
}

// stopRings has the back end stop all rings; it does not touch the memory then. Errors mean that it is gone.
func (s *session) stopRings() {
	if !s.handed {
		return
	}
	s.conn.SetTimeout(stopTimeout)
	for _, q := range s.rings() {
		m, err := s.conn.Ask(proto.GetVringBase, proto.VringState{Index: uint32(q.index)})
		if err != nil {
			return
		}
		m.Close()
	}
}

// resetRings forgets the rings and gets all frames home that are in them. Gates are shut.
func (p *Port) resetRings() {
	if p.kept.fd >= 0 {
		unix.Close(p.kept.fd)
		p.kept.fd = -1
	}
	for i := range p.rx {
		p.rx[i].reset(p.cache)
		p.counts[portLost].Add(uint64(p.tx[i].reset(p.cache)))
	}
}
