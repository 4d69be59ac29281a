package frontend

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/vhost/proto"
)

// negotiate agrees on features, in the order that QEMU has made customary.
func (s *session) negotiate() error {
	n, err := s.conn.AskNumber(proto.GetFeatures)
	if err != nil {
		return err
	}
	offered := proto.Features(n)
	if !offered.Has(proto.Version1) {
		return fmt.Errorf("the back end offers no %s", proto.Version1)
	}
	s.features = s.o.wanted() & offered
	if offered.Has(proto.ProtocolBit) {
		if err := s.negotiateProtocol(); err != nil {
			return err
		}
	}
	if err := s.conn.Tell(proto.SetOwner, nil); err != nil {
		return err
	}
	if err := s.countQueues(); err != nil {
		return err
	}
	s.refine()
	if need := s.o.MTU + tagRoom; !s.features.Has(proto.MrgRxbuf) && need > s.pool().Room() {
		return fmt.Errorf("the back end offers no %s: packets of %d bytes do not fit a buffer", proto.MrgRxbuf, need)
	}
	return s.acceptFeatures()
}

// negotiateProtocol agrees on the protocol's own features.
func (s *session) negotiateProtocol() error {
	n, err := s.conn.AskNumber(proto.GetProtocolFeatures)
	if err != nil {
		return err
	}
	s.protocol = s.o.wantedProtocol() & proto.ProtocolFeatures(n)
	if err := s.conn.Tell(proto.SetProtocolFeatures, proto.U64(s.protocol)); err != nil {
		return err
	}
	s.conn.SetAcks(s.protocol.Has(proto.PReplyAck))
	if !s.protocol.Has(proto.PBackendReq) {
		return nil
	}
	return s.openBackChannel()
}

// openBackChannel gives the back end a way to ask.
func (s *session) openBackChannel() error {
	back, fd, err := proto.Pair()
	if err != nil {
		return err
	}
	s.back = back
	defer unix.Close(fd)
	if err := s.conn.Tell(proto.SetBackendReqFD, nil, fd); err != nil {
		return err
	}
	go s.answer(back)
	return nil
}

// countQueues makes sure that the back end has as many queue pairs as the port.
func (s *session) countQueues() error {
	most := uint64(1)
	if s.protocol.Has(proto.PMQ) {
		var err error
		if most, err = s.conn.AskNumber(proto.GetQueueNum); err != nil {
			return err
		}
	}
	if most < uint64(s.o.Queues) {
		return fmt.Errorf("the back end has %d queue pairs, the port %d", most, s.o.Queues)
	}
	return nil
}

// refine drops features that are of no use without others.
func (s *session) refine() {
	s.features &^= proto.LogAll // set while there is a log
	if s.o.Queues == 1 {
		s.features &^= proto.MQ
	}
	if !s.protocol.Has(proto.PConfig) {
		s.features &^= proto.NetStatus
	}
	if !s.protocol.Has(proto.PMTU) {
		s.features &^= proto.NetMTU
	}
	// What needs what: 5.1.3.1. Segments take many buffers to receive.
	if !s.features.Has(proto.Csum) {
		s.features &^= proto.HostTSO4 | proto.HostTSO6 | proto.HostUSO
	}
	if !s.features.Has(proto.GuestCsum | proto.MrgRxbuf) {
		s.features &^= proto.GuestTSO4 | proto.GuestTSO6 | guestUSO
	}
	if !s.features.Has(guestUSO) { // a packet does not say which IP it is of: either alone is no use
		s.features &^= guestUSO
	}
	if s.features&(proto.HostTSO4|proto.HostTSO6) == 0 {
		s.features &^= proto.HostECN
	}
	if s.features&(proto.GuestTSO4|proto.GuestTSO6) == 0 {
		s.features &^= proto.GuestECN
	}
}

// acceptFeatures tells the back end what was chosen.
func (s *session) acceptFeatures() error {
	if err := s.conn.Tell(proto.SetFeatures, proto.U64(s.features)); err != nil {
		return err
	}
	if s.features.Has(proto.NetMTU) {
		if err := s.conn.Tell(proto.NetSetMTU, proto.U64(s.o.MTU)); err != nil {
			return err
		}
	}
	return s.status(proto.StatusAcknowledge | proto.StatusDriver | proto.StatusFeaturesOK)
}

// status sets the device's status and, since a device may refuse features that way (VIRTIO 1.2, 3.1.1), looks at it.
func (s *session) status(v proto.Status) error {
	if !s.protocol.Has(proto.PStatus) {
		return nil
	}
	if err := s.conn.Tell(proto.SetStatus, proto.U64(v)); err != nil {
		return err
	}
	n, err := s.conn.AskNumber(proto.GetStatus)
	if err != nil {
		return err
	}
	if got := proto.Status(n); got&proto.StatusFeaturesOK == 0 {
		return fmt.Errorf("the back end does not take %s: its status is %s", s.features, got)
	}
	return nil
}

// takes returns what may be left to whoever has negotiated these features of f.
func takes(f, csum, tso4, tso6, ecn, uso proto.Features) (t pmd.Take) {
	if !f.Has(csum) {
		return 0
	}
	t = pmd.TakeCsum
	if f.Has(tso4) {
		t |= pmd.TakeTSO4
	}
	if f.Has(tso6) {
		t |= pmd.TakeTSO6
	}
	if f.Has(ecn) {
		t |= pmd.TakeECN
	}
	if f.Has(uso) {
		t |= pmd.TakeUSO
	}
	return t
}
