package frontend

import (
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// fillAtOnce is how many buffers are missing from a ring before new ones are posted: a publication costs the other
// side a cache miss.
const fillAtOnce = frame.MaxBatch / 2

// fill posts empty frames until the ring is full.
func (q *rxQueue) fill() {
	missing := min(q.ring.free(), q.slots.room())
	if missing < fillAtOnce {
		return
	}
	size := uint32(q.pool.Room() + nethdr.Size)
	for missing > 0 {
		n := q.cache.Fill(&q.stage, missing)
		for i, f := range q.stage.Frames() {
			q.cookies[i], q.buffers[i] = q.slots.put(f), driver.Buffer{Addr: at(f.Off() - nethdr.Size), Len: size}
		}
		q.ring.addEach(q.cookies[:n], q.buffers[:n], true)
		q.stage.Reset()
		if n == 0 {
			q.counters.Add(rxNoBuffer, 1)
			break
		}
		missing -= n
	}
	q.ring.publish()
	if q.ring.kick() {
		q.counters.Add(rxKick, 1)
		q.kick.ring()
	}
}
