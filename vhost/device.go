package vhost

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
)

// A device is what a frontend has set up by its messages, for the length of a session.
//
// A message that changes what rings are made of first holds them (hold): workers find no ring then, and the
// session owns it. After each message, rings that have everything they need and are held go on (settle).
//
// Thread-safety: the session's goroutine only.
type device struct {
	port     *Port
	log      *sayings
	conn     *proto.Conn
	features proto.Features // acknowledged; see acked
	acked    bool
	protocol proto.ProtocolFeatures
	status   proto.Status
	table    *mem.Table // nil: none yet
	dirty    *mem.Log   // nil: no migration
	flight   inflight
	told     int         // bytes: the guest's MTU (NET_SET_MTU); 0: nothing was said
	backend  *proto.Conn // the channel on which we ask; nil: none
	iotlb    mem.IOTLB   // what is known of the guest's IOMMU, if it has one for us
	asker    *asker
	vrings   []vring
	no       int // complaints so far
}

func newDevice(p *Port, conn *proto.Conn) *device {
	d := &device{port: p, log: p.log, conn: conn, asker: newAsker(p)}
	for i, r := range p.rings {
		r.broken = false // nobody is inside: the session before held it
		d.vrings = append(d.vrings, vring{ring: r, index: i, kick: -1, err: -1})
		if i&1 != 0 {
			d.vrings[i].waker = &p.rx[i/2].waker
		}
	}
	return d
}

// A refusal is a message that is right, but asks for what cannot be. Its sender is told no, if it wants to know,
// and the session goes on.
type refusal struct{ error }

func refuse(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

// handle does what a message says. An error ends the session.
func (d *device) handle(m *proto.Message) error {
	err := d.dispatch(m)
	var no refusal
	if err != nil && !errors.As(err, &no) {
		_ = d.conn.Acknowledge(m, err) // the session ends because of err, not of what is wrong with saying so
		return err
	}
	if err == nil {
		err = d.settle()
		if err != nil {
			_ = d.conn.Acknowledge(m, err)
			return err
		}
	} else {
		d.complain("a message of the frontend is refused", "message", m.Request, "reason", err)
		if m.HasReply() {
			return err // there is no way to say no
		}
	}
	return d.conn.Acknowledge(m, err)
}

// mostComplaints is how many of a session are logged: so that it leaves room for others among the port's sayings, which are what
// keeps the log from filling.
const mostComplaints = 20

// complain logs what the frontend gets a no for, or has to wait for.
func (d *device) complain(what string, args ...any) {
	if d.no++; d.no <= mostComplaints {
		d.log.Warn(what, args...)
	} else if d.no == mostComplaints+1 {
		d.log.Warn("nothing more of the kind is logged of this frontend until it connects again")
	}
}

// setBackend takes the channel on which the back end asks, which it does about addresses behind an IOMMU.
func (d *device) setBackend(m *proto.Message) error {
	c, err := proto.BackendConnOf(m.Take(0), &d.port.bin)
	if err != nil {
		return err
	}
	old := d.backend
	d.backend = c
	d.asker.start(c)
	if old != nil { // the asker has the new one
		old.Close()
	}
	return nil
}

// mtu returns the bytes of the longest IP packet that the guest takes: what its frontend has told it, if it has, and it has asked
// (VIRTIO 1.2, 5.1.4.1).
func (d *device) mtu() int {
	if d.told > 0 && d.features.Has(proto.NetMTU) {
		return d.told
	}
	return d.port.o.MTU
}

// disable stops all rings until they are enabled again.
func (d *device) disable() error {
	var errs []error
	for i := range d.vrings {
		v := &d.vrings[i]
		errs = append(errs, d.hold(v))
		v.enabled = false
	}
	return errors.Join(errs...)
}

// reset brings the device back to where it was before its driver was loaded. The frontend remains its owner.
func (d *device) reset() error {
	var errs []error
	for i := range d.vrings {
		errs = append(errs, d.clear(&d.vrings[i]))
	}
	d.features, d.acked, d.status = 0, false, 0
	d.forgetTranslations()
	return errors.Join(append(errs, d.flight.close())...)
}

// close ends the session's use of everything but the connection.
func (d *device) close() error {
	err := d.reset()
	for i := range d.vrings {
		d.vrings[i].ring.call.set(-1)
	}
	if d.backend != nil {
		err = errors.Join(err, d.backend.Close())
	}
	d.asker.stop()
	return errors.Join(err, d.dropLog(), d.dropTable())
}

// closeFD closes a descriptor that may be none. Nothing was written through it that an error could be about.
func closeFD(fd *int) {
	if *fd >= 0 {
		unix.Close(*fd)
	}
	*fd = -1
}
