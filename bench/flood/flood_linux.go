package flood

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/move"
)

// A Flood is two guests who send each other as many packets as a switch between them takes.
type Flood struct {
	o      Options
	guests [2]*Guest
	sent   [2]packets                   // by who sends them
	judges [2]func(packet []byte) error // by whom it arrives at
	next   [2]uint32                    // of the packets, or of the flows that are counted, by sender
	pieces [batch]move.Piece

	offered  atomic.Uint64
	starved  atomic.Uint64
	received atomic.Uint64
	wrong    atomic.Pointer[error] // what ended Run
	ended    chan struct{}         // closed when Run has ended
	checks   chan check
	check    check     // of packets that arrive, with some left to check
	word     [2]uint64 // what packets that arrive at a guest have at wordAt, as they had when they were checked; 0: none was
	laps     [2]uint32 // how often a guest's receive ring has gone round
}

// A check is of so many packets that arrive, one by one.
type check struct {
	left int
	done chan<- error // takes one
}

// batch is how many packets are written, or looked at, at a time.
const batch = 64

// New makes the guests, where a switch may connect from now on, and the packets.
func New(o Options) (*Flood, error) {
	f := &Flood{o: o, checks: make(chan check), ended: make(chan struct{})}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("flood: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

func (f *Flood) open() (err error) {
	sent, inner, err := f.o.prepare()
	if err != nil {
		return err
	}
	f.sent = sent
	for i, socket := range f.o.Sockets {
		f.judges[i] = f.o.judge(inner[1-i])
		if f.guests[i], err = Listen(socket, f.o.Packed); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the guests, after Run has ended.
func (f *Flood) Close() error {
	var errs []error
	for _, g := range f.guests {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	return errors.Join(errs...)
}

// processors of the Go runtime, of which Run holds one. In a process that may use one CPU alone there is but one otherwise, and whoever counts waits
// for 61 times that Run yields, a quarter of a second (runtime/proc.go, schedule: the global queue).
const processors = 3

// Run floods until ctx ends, or a switch does what it may not do. It is called once. It sees to it that the process has as many processors as it takes
// (runtime.GOMAXPROCS).
func (f *Flood) Run(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			f.wrong.Store(&err)
		}
		close(f.ended)
	}()
	if runtime.GOMAXPROCS(0) < processors {
		runtime.GOMAXPROCS(processors)
	}
	seat, err := cpu.Take(f.o.CPU)
	if err != nil {
		return err
	}
	defer seat.Leave()
	clock := cpu.NewClock()
	for ctx.Err() == nil {
		linked, err := f.turn()
		if err != nil {
			return err
		}
		if !linked {
			time.Sleep(time.Millisecond)
		}
		seat.Keep(clock.At(clock.Cycles()))
		f.nextCheck()
	}
	return nil
}

// nextCheck begins a check that somebody asks for.
func (f *Flood) nextCheck() {
	if f.check.left > 0 {
		return
	}
	select {
	case f.check = <-f.checks:
	default:
	}
}

// Check waits until n packets that arrived were looked at one by one, each of which is to be as it should be. Run runs beside it. It is safe for
// concurrent use.
func (f *Flood) Check(ctx context.Context, n int) error {
	if n < 1 {
		return fmt.Errorf("a check of %d packets", n)
	}
	done := make(chan error, 1)
	select {
	case f.checks <- check{n, done}:
	case <-f.ended:
		return f.over()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-f.ended:
		return f.over()
	case <-ctx.Done():
		return fmt.Errorf("wait for packets: %w", ctx.Err())
	}
}

// over says why there are no more packets, after Run.
func (f *Flood) over() error {
	if wrong := f.wrong.Load(); wrong != nil {
		return *wrong
	}
	return errors.New("the flood has ended")
}

// Counted returns how many packets there were since New. It is an error when a switch did what ended Run, or when more arrived than were offered. It
// is safe for concurrent use.
func (f *Flood) Counted() (c Counts, err error) {
	c.Received = f.received.Load() // before what was offered, which is counted before it is given to the switch
	c.Starved = f.starved.Load()
	c.Offered = f.offered.Load()
	if wrong := f.wrong.Load(); wrong != nil {
		return c, *wrong
	}
	if c.Received > c.Offered {
		return c, fmt.Errorf("the switch repeats packets: %d arrived of %d", c.Received, c.Offered)
	}
	return c, nil
}

// Link waits for the switch. It is safe for concurrent use.
func (f *Flood) Link(ctx context.Context) error {
	for !f.guests[0].Up() || !f.guests[1].Up() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the switch to connect: %w%s", ctx.Err(), f.lasts())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// lasts says why sessions with a switch ended, if any did.
func (f *Flood) lasts() (text string) {
	for i, g := range f.guests {
		g.mu.Lock()
		if g.last != nil {
			text += fmt.Sprintf("; guest %d: %v", i+1, g.last)
		}
		g.mu.Unlock()
	}
	return text
}

// turn has each guest that sends send a batch, and take what has arrived, and reports whether there is a switch. It is an error when a switch
// has done something to a ring, or to packets, that it may not do.
func (f *Flood) turn() (linked bool, err error) {
	for i, g := range f.guests {
		g.mu.Lock()
		if g.rings[sends] != nil {
			linked = true
			if f.o.Both || f.o.Out == (i == 1) {
				f.send(i, g)
			}
			wrong := f.receive(i, g)
			for _, r := range g.rings {
				if r.Err() != nil {
					wrong = r.Err()
				}
			}
			if wrong != nil {
				err = fmt.Errorf("guest %d: %w", i+1, wrong)
			}
		}
		g.mu.Unlock()
	}
	return linked, err
}
