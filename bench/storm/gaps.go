package storm

import "time"

// Gaps says where a worker was while packets of established flows were lost. All that are lost find the receive ring of
// their port full. If the worker was off its CPU since the ring was last nearly empty, packets that it would have taken in
// that time, at the rate that it reaches alone, are lost because of that; any others although it ran.
type Gaps struct {
	LostWaiting uint64        // packets lost because the worker waited for its CPU, which somebody else had
	LostParked  uint64        // packets lost because its thread was parked: Go's runtime does that every now and then
	LostRunning uint64        // packets lost although it ran
	Off         time.Duration // off its CPU in all
	Longest     time.Duration // at a time
}

// nearlyEmpty is the part of a ring with less than which waiting the worker has caught up.
const nearlyEmpty = 1.0 / 8

// A gapWatch makes Gaps of what the hosts see, round by round.
//
// It knows how long the worker ran from the clock of its thread (clock_getcpuclockid(3)), which the kernel keeps to the
// nanosecond for a thread that is running, too, and how long it waited from the scheduler's books. Time that the hypervisor takes from the CPU counts as off it if the kernel hears of it.
type gapWatch struct {
	Gaps
	look func() (ran, waited time.Duration, err error) // of the worker's thread, since it began
	rate float64                                       // packets a second that the worker takes
	ring int                                           // packets that may wait for it
	err  error

	at          time.Time     // of the round before
	ran, waited time.Duration // by then
	away        time.Duration // off its CPU without a break

	// Since the ring was last nearly empty: time off its CPU and waiting for it, and packets lost.
	off, wait time.Duration
	lost      uint64
}

// round notes how a round begins: how many packets wait in the ring.
func (w *gapWatch) round(now time.Time, waiting int) {
	ran, waited, err := w.look()
	if err != nil {
		w.err = err
		return
	}
	if !w.at.IsZero() {
		w.pass(now.Sub(w.at), ran-w.ran)
		w.wait += waited - w.waited
	}
	w.at, w.ran, w.waited = now, ran, waited
	if float64(waiting) < nearlyEmpty*float64(w.ring) {
		w.settle()
	}
}

// pass notes that the worker has run for some of the time that has passed.
func (w *gapWatch) pass(passed, ran time.Duration) {
	off := max(0, passed-ran)
	w.off += off
	w.Off += off
	if w.away += off; ran > passed/10 {
		w.away = 0 // it was back
	}
	w.Longest = max(w.Longest, w.away, off)
}

// full notes packets that found the ring full.
func (w *gapWatch) full(packets int) { w.lost += uint64(packets) }

// settle says whose the packets are that were lost since the ring was last nearly empty.
func (w *gapWatch) settle() {
	off := min(w.lost, uint64(w.rate*w.off.Seconds()))
	waiting := uint64(float64(off) * min(w.wait.Seconds(), w.off.Seconds()) / max(w.off.Seconds(), 1e-9))
	w.LostWaiting += waiting
	w.LostParked += off - waiting
	w.LostRunning += w.lost - off
	w.off, w.wait, w.lost = 0, 0, 0
}
