package frontend

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/gate"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// reapAtOnce is how many chains are taken back from a ring at a time.
const reapAtOnce = frame.MaxBatch

// A queue is what both directions have: a ring behind a gate. What follows the gate belongs to whoever is inside,
// and to the session while it is shut.
type queue struct {
	port  *Port
	index int // of the ring
	pool  *frame.Pool
	kick  bell // the back end waits for it
	call  bell // and rings it
	gate  gate.Gate

	ring  ring
	made  bool // there is a ring
	slots slots
	done  [reapAtOnce]driver.Done
	// Chains of one buffer on their way into the ring.
	cookies [frame.MaxBatch]uint32
	buffers [frame.MaxBatch]driver.Buffer
}

// open makes the queue's descriptors. It is shut.
func (q *queue) open(p *Port, index int) error {
	q.port, q.index, q.pool = p, index, p.o.Pool
	q.slots = newSlots(p.o.RingSize)
	q.gate.Shut()
	q.kick.fd, q.call.fd = -1, -1
	return errors.Join(q.kick.open(), q.call.open())
}

// header returns the bytes in front of f, where its virtio-net header is.
func (q *queue) header(f frame.Frame) *[nethdr.Size]byte {
	return (*[nethdr.Size]byte)(q.pool.Memory()[f.Off()-nethdr.Size:])
}

// sound reports whether the ring's other side has done nothing wrong so far; if it has, the session ends. Called from inside.
func (q *queue) sound() bool {
	err := q.ring.err()
	if err != nil {
		q.fail(err)
	}
	return err == nil
}

// fail ends the session because of what the ring's other side did. Called from inside.
func (q *queue) fail(err error) {
	q.gate.Bar()
	q.port.broken(fmt.Errorf("ring %d: %w", q.index, err))
}

// reset forgets the ring and frees every frame in it; n is how many those were. The gate is shut.
func (q *queue) reset(c *frame.Cache) (n int) {
	q.ring, q.made = ring{}, false
	return q.slots.drain(c.Put)
}

func (q *queue) close() error { return errors.Join(q.kick.close(), q.call.close()) }
