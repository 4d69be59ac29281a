package storm

import (
	"context"
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// window is how many established packets are on their way at most when as many as possible are to
	// get through.
	window = 2048
	// tick is how long the hosts sleep between two rounds: at 12 million packets a second for some 500.
	tick = 40 * time.Microsecond
	// burst is the most packets sent in one round. Hosts that were late do not make up for it: that
	// would overflow the ring for a reason that is not the switch's.
	burst = 1024
	// drained is how long nothing has come when everything that was on its way has: as long as others may
	// have kept the worker off its CPU.
	drained = 100 * time.Millisecond
)

// saturate sends as many established packets as get through without loss, and returns how many a
// second that is.
func (r *rig) saturate(ctx context.Context, d time.Duration) float64 {
	e := r.calm
	start := time.Now()
	end := start.Add(d)
	var before uint64
	for warm := start.Add(d / 4); time.Now().Before(end) && ctx.Err() == nil; {
		e.send(min(64, window-int(e.sent-e.received)))
		e.receive()
		if before == 0 && !time.Now().Before(warm) {
			before, start = e.received, time.Now()
		}
	}
	r.alone = float64(e.received-before) / time.Since(start).Seconds()
	r.drain()
	return r.alone
}

// offer sends established packets and new flows at the rates given, per second, and says what became of
// them.
func (r *rig) offer(ctx context.Context, rate, storm float64, d time.Duration) Phase {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer exactTimers()()
	defer precede()()
	if err := r.follow(); err != nil {
		r.calm.err = errors.Join(r.calm.err, err)
	}
	before := r.look()
	watch := gapWatch{look: r.worker.times, rate: r.alone, ring: r.ring}
	start := time.Now()
	pace, stormPace := pacer{rate: rate, start: start}, pacer{rate: storm, start: start}
	for end := start.Add(d); ctx.Err() == nil; {
		now := time.Now()
		if !now.Before(end) {
			break
		}
		watch.round(now, r.calm.in.Waiting())
		watch.full(r.calm.send(pace.due(now)))
		r.storm.send(stormPace.due(now))
		r.calm.receive()
		r.storm.receive()
		doze()
	}
	elapsed := time.Since(start)
	watch.settle()
	r.drain()
	p := r.look().since(&before)
	p.Time, p.Late, p.Gaps = elapsed, pace.late, watch.Gaps
	r.calm.err = errors.Join(r.calm.err, watch.err)
	return p
}

// doze sleeps for a tick. Not time.Sleep: the runtime rounds the last sleeper's time up to milliseconds
// (runtime.netpoll), in which rings fill.
func doze() {
	t := unix.NsecToTimespec(tick.Nanoseconds())
	_ = unix.Nanosleep(&t, nil) // cut short by a signal it is still a pause
}

// drain receives until nothing has come for a while. By then the worker, which publishes its counters once
// a millisecond and before it sleeps, has done so.
func (r *rig) drain() {
	for last := time.Now(); time.Since(last) < drained; {
		was := r.storm.received
		r.storm.receive()
		if r.calm.receive() > 0 || r.storm.received > was {
			last = time.Now()
		}
		doze()
	}
}

// A pacer tells how many packets are due at a rate.
type pacer struct {
	rate  float64 // a second
	start time.Time
	given uint64
	late  uint64 // due so late that they were left out
}

func (p *pacer) due(now time.Time) int {
	n := uint64(now.Sub(p.start).Seconds()*p.rate) - p.given
	p.given += n
	if n > burst {
		p.late += n - burst
		n = burst
	}
	return int(n)
}
