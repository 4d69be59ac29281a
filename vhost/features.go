package vhost

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
)

// Offered is what a port has to offer a guest.
//
// Not among them: CTRL_VQ, since the frontend has the control queue and tells by SET_VRING_ENABLE how many
// queues the guest uses; UFO, which drivers have given up; NOTIFY_ON_EMPTY, which is for drivers older than VIRTIO 1.0 that look for buffers only when they are told.
const Offered = proto.Csum | proto.HostTSO4 | proto.HostTSO6 | proto.HostECN |
	proto.GuestCsum | proto.GuestTSO4 | proto.GuestTSO6 | proto.GuestECN | proto.HostUSO | guestUSO |
	proto.MrgRxbuf | proto.NetMTU | proto.NetStatus | proto.MQ | proto.GuestAnnounce |
	proto.LogAll | proto.ProtocolBit | proto.AnyLayout | proto.IndirectDesc | proto.EventIdx |
	proto.Version1 | proto.RingPacked | proto.InOrder | proto.AccessPlatform

// protocolFeatures is what a port has to offer a frontend.
const protocolFeatures = proto.PMQ | proto.PLogShmFD | proto.PRARP | proto.PReplyAck | proto.PMTU | proto.PBackendReq |
	proto.PInflightShmFD | proto.PResetDevice | proto.PConfigureMemSlots | proto.PStatus

// guestUSO are the bits of a guest that takes UDP datagrams as one packet. A packet does not say which IP it is of, so
// either alone is no use.
const guestUSO = proto.GuestUSO4 | proto.GuestUSO6

// Of an offload, the bits without which the others mean nothing (VIRTIO 1.2, 5.1.3.1).
const (
	needsCsum      = proto.HostTSO4 | proto.HostTSO6 | proto.HostECN | proto.HostUSO
	needsGuestCsum = proto.GuestTSO4 | proto.GuestTSO6 | proto.GuestECN | guestUSO
)

// offered is what this port has to offer.
func (p *Port) offered() proto.Features {
	f := Offered &^ p.o.Without
	if f&proto.Csum == 0 {
		f &^= needsCsum
	}
	if f&proto.GuestCsum == 0 {
		f &^= needsGuestCsum
	}
	return f
}

// setFeatures takes what the guest's driver, and its frontend, want of what was offered. Bits that were not
// offered are refused; those that a ring depends on change only where it is set up again.
func (d *device) setFeatures(f proto.Features) error {
	if extra := f &^ d.port.offered(); extra != 0 {
		return refuse("features that were not offered: %v", extra)
	}
	if err := d.holdAll(); err != nil {
		return err
	}
	if !f.Has(proto.ProtocolBit) {
		// Without it there is no SET_VRING_ENABLE: rings are enabled from the start ("Ring states").
		for i := range d.vrings {
			d.vrings[i].enabled = true
		}
	}
	if !f.Has(proto.AccessPlatform) {
		d.forgetTranslations()
	}
	if f.Has(proto.LogAll) && !d.features.Has(proto.LogAll) {
		d.port.state.moving()
		d.log.Info("writes to the guest's memory are logged: it is being moved")
	}
	d.features, d.acked = f, true
	return nil
}

// setProtocol takes what the frontend wants of the protocol's features.
func (d *device) setProtocol(f proto.ProtocolFeatures) error {
	if extra := f &^ protocolFeatures; extra != 0 {
		return refuse("protocol features that were not offered: %v", extra)
	}
	d.protocol = f
	return nil
}

// setStatus notes the device status that the driver has set (VIRTIO 1.2, 2.1). 0 is a reset.
func (d *device) setStatus(v uint64) error {
	if v > 0xff {
		return refuse("status %#x: want 8 bits", v)
	}
	d.status = proto.Status(v)
	if v == 0 {
		for i := range d.vrings {
			if err := d.stop(&d.vrings[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// takes says what may be left undone with features f, whose bits are named by what they allow.
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

// fromGuest is what a guest with features f may leave undone.
func fromGuest(f proto.Features) pmd.Take {
	return takes(f, proto.Csum, proto.HostTSO4, proto.HostTSO6, proto.HostECN, proto.HostUSO)
}

// toGuest is what may be left to a guest with features f.
func toGuest(f proto.Features) pmd.Take {
	return takes(f, proto.GuestCsum, proto.GuestTSO4, proto.GuestTSO6, proto.GuestECN, guestUSO)
}

// headerOf returns the bytes of the virtio-net header before each packet (VIRTIO 1.2, 5.1.6.1).
func headerOf(f proto.Features) int {
	if f&(proto.MrgRxbuf|proto.Version1) != 0 {
		return nethdr.Size
	}
	return nethdr.LegacySize
}
