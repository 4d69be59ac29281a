package storm

import "time"

// Gaps says where a worker was while packets of established flows were lost. All that are lost find the receive ring of
// their port full. If the worker was off its CPU since the ring was last nearly empty, packets that it would have taken in
// that time, at the rate that it reaches alone, are lost because of that; any others although it ran.
type Gaps struct {
	LostOff     uint64        // packets lost while the worker was off its CPU, or catching up afterwards
	LostRunning uint64        // packets lost although it ran
	Off         time.Duration // off its CPU in all: somebody else had it, or the runtime had parked the thread
	Longest     time.Duration // at a time
}

// nearlyEmpty is the part of a ring with less than which waiting the worker has caught up.
const nearlyEmpty = 1.0 / 8

// A gapWatch makes Gaps of what the hosts see, round by round.
//
// It knows how long the worker ran from the clock of its thread (clock_getcpuclockid(3)), which the kernel keeps to the
// nanosecond for a thread that is running, too. Time that the hypervisor takes from the CPU counts as off it if the kernel hears of it.
type gapWatch struct {
	Gaps
	ran   func() (time.Duration, error) // the worker's thread, since it began
	rate  float64                       // packets a second that the worker takes
	ring  int                           // packets that may wait for it
	at    time.Time                     // of the round before
	until time.Duration                 // that the worker had run by then
	off   time.Duration                 // off its CPU since the ring was nearly empty
	lost  uint64                        // packets since then
	away  time.Duration                 // off its CPU without a break
	err   error
}

// round notes how a round begins: how many packets wait in the ring.
func (w *gapWatch) round(now time.Time, waiting int) {
	until, err := w.ran()
	if err != nil {
		w.err = err
		return
	}
	if !w.at.IsZero() {
		w.pass(now.Sub(w.at), until-w.until)
	}
	w.at, w.until = now, until
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
	w.LostOff += off
	w.LostRunning += w.lost - off
	w.off, w.lost = 0, 0
}
