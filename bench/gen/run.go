package gen

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/bench/gen/capture"
	"github.com/culvertdev/culvert/bench/gen/pace"
	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// Phases of a run. The thread that sends begins and ends sending, the one that receives ends it all.
const (
	priming   = iota // ports get ready to receive, frames of earlier runs are thrown away
	sending          //
	lingering        // frames are still under way
	over
)

// A run is a job at work.
type run struct {
	*Generator
	job     Job
	number  uint32
	ports   []pmd.Port // all that take part
	expects []sink.Expect
	senders []*sender
	sink    *sink.Sink
	threads []*thread
	before  []drops // of ports

	phase atomic.Uint32
	begun int64    // cycles; written before phase becomes sending
	ended int64    // cycles; written before phase becomes lingering
	sent  []uint64 // by stream, frames that its port took; written before phase becomes lingering
	stop  atomic.Bool
	made  atomic.Uint64 // frames offered, for progress
	came  atomic.Uint64 // frames arrived, for progress
}

// addPort adds a port to those that take part, and returns its number.
func (r *run) addPort(name string) (int, error) {
	p, err := r.Get(name)
	if err != nil {
		return 0, err
	}
	if i := slices.Index(r.ports, p); i >= 0 {
		return i, nil
	}
	r.ports = append(r.ports, p)
	return len(r.ports) - 1, nil
}

// addStream prepares a stream.
func (r *run) addStream(i int) error {
	st := r.job.Streams[i]
	from, err := r.addPort(st.From)
	if err != nil {
		return err
	}
	to := -1
	if st.To != "" {
		if to, err = r.addPort(st.To); err != nil {
			return err
		}
	}
	r.expects = append(r.expects, sink.Expect{Port: to})
	txs := r.ports[from].TxQueues()
	s := &sender{queue: txs[i%len(txs)], clock: r.clock, after: r.cycles(time.Duration(st.After)), until: r.cycles(time.Duration(st.Until)), interval: r.cycles(time.Duration(r.job.Interval)), course: make([]uint64, r.intervals())}
	if s.cache, err = r.pool.NewCache(); err != nil {
		return err
	}
	r.senders = append(r.senders, s)
	o := pace.Options{
		Count: st.frames(time.Duration(r.job.Time)), Burst: st.Burst,
		Bound: r.cycles(time.Duration(r.job.CatchUp)), Slack: r.cycles(r.job.punctual(slack)),
	}
	if st.Rate > 0 {
		o.Interval = r.clock.Frequency() / st.Rate
	}
	if st.Capture != nil {
		err = r.addCapture(s, &st, o)
	} else {
		var made *stream.Stream
		made, err = stream.New(st.Spec, sink.Mark(r.number, i), r.bodies)
		s.source, s.pace = made, pace.NewSteady(o)
	}
	if err != nil {
		return err
	}
	return fits(r.ports[from], s.source.Longest())
}

func (r *run) addCapture(s *sender, st *Stream, o pace.Options) error {
	c, err := capture.Read(*st.Capture)
	if err != nil {
		return err
	}
	times := make([]int64, len(c.Times()))
	for i, t := range c.Times() {
		times[i] = r.cycles(t)
	}
	end := time.Duration(st.ends(r.job.Time) - st.After)
	s.source, s.pace = c, pace.NewRecorded(times, r.cycles(c.Period()), c.Repeat, r.cycles(end), o)
	return nil
}

// slack is how late a frame may leave and still be in time, where the generator does not rest.
const slack = 100 * time.Microsecond

// cycles converts a time to cycles of the clock.
func (r *run) cycles(d time.Duration) int64 { return int64(d.Seconds() * r.clock.Frequency()) }

// intervals returns how many intervals are kept; 0: none.
func (r *run) intervals() int {
	if r.job.Interval == 0 {
		return 0
	}
	return int((r.job.Time+r.job.Interval-1)/r.job.Interval) + 1
}

func (r *run) makeSink() {
	r.sink = sink.New(sink.Options{
		Pool: r.pool, Run: r.number, Streams: r.expects, Ports: len(r.ports), Nanos: 1e9 / r.clock.Frequency(),
		Interval: r.cycles(time.Duration(r.job.Interval)), Intervals: r.intervals(),
	})
	r.sent = make([]uint64, len(r.senders))
}

// makeThreads divides the work.
func (r *run) makeThreads() error {
	r.bodies.Forget() // of what ports have done with buffers since the last run nothing is known
	send := &thread{run: r, cpu: -1, senders: r.senders}
	r.threads = []*thread{send}
	receive := send
	if len(r.job.CPUs) > 0 {
		send.cpu = r.job.CPUs[0]
	}
	if len(r.job.CPUs) == 2 {
		receive = &thread{run: r, cpu: r.job.CPUs[1]}
		r.threads = append(r.threads, receive)
	}
	for i, p := range r.ports {
		for _, q := range p.RxQueues() {
			receive.receivers = append(receive.receivers, &receiver{port: i, queue: q})
		}
		r.before = append(r.before, dropsOf(p))
		send.links = append(send.links, link{up: true})
	}
	for _, t := range r.threads {
		var err error
		if t.cache, err = r.pool.NewCache(); err != nil {
			return err
		}
		t.period = r.cycles(tick)
	}
	return nil
}

// run lets the threads do the job.
func (r *run) run(ctx context.Context, progress func(Progress)) error {
	stop := context.AfterFunc(ctx, func() { r.stop.Store(true) })
	defer stop()
	errs := make([]error, len(r.threads))
	var wg sync.WaitGroup
	for i, t := range r.threads {
		wg.Go(func() { errs[i] = t.loop() })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-done:
			for _, err := range errs {
				if err != nil {
					return err
				}
			}
			return nil
		case <-every.C:
			_ = cpu.Tidy() // threads that cannot be listed stay where they are
			if progress != nil {
				progress(Progress{Offered: r.made.Load(), Received: r.came.Load()})
			}
		}
	}
}

// close gives buffers back.
func (r *run) close() {
	for _, s := range r.senders {
		s.cache.Close()
	}
	for _, t := range r.threads {
		if t.cache != nil {
			t.cache.Close()
		}
	}
}
