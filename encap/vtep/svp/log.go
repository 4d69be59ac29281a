package svp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// How often the log is asked for: soon after there was something in it, else after 5 to 10 seconds, so that
// hosts do not all come at once.
const (
	logSoon = time.Second
	logIdle = 5 * time.Second
)

// Options of an Invalidator.
type Options struct {
	Server string     // host or host:port (DefaultPort without)
	Self   netip.Addr // this host's end, whose log is asked for
	// Shootdown is where SHOOTDOWN of other hosts comes in; its port is also that of theirs. Not valid: nowhere.
	Shootdown netip.AddrPort
}

// An Invalidator is the invalidation: it follows the server's log of answers that are no good any more, and
// hears from other hosts that a guest is not with them.
type Invalidator struct {
	opt   Options
	sink  vtep.Sink
	pool  *pool
	shoot *shooter // nil: not wanted

	mu      sync.Mutex
	now     int64 // ns, of the last Tick
	busy    bool  // a request is under way
	next    int64 // ns: when to ask
	entries uint64
	faults  uint64
	fault   error // of the last request
}

// NewInvalidator returns an invalidation by the log of a server.
func NewInvalidator(o Options) (*Invalidator, error) {
	if !o.Self.IsValid() {
		return nil, errors.New("vtep svp: the log needs this host's own end")
	}
	i := &Invalidator{opt: o}
	var err error
	if i.pool, err = newPool(o.Server, i.soon); err != nil {
		return nil, err
	}
	return i, nil
}

// Start implements vtep.Invalidator. The first Tick connects.
func (i *Invalidator) Start(s vtep.Sink) error {
	i.sink = s
	if i.opt.Shootdown.IsValid() {
		shoot, err := newShooter(i.opt.Shootdown, s)
		if err != nil {
			return err
		}
		i.shoot = shoot
	}
	return nil
}

// Close implements vtep.Invalidator.
func (i *Invalidator) Close() error {
	i.pool.close()
	if i.shoot != nil {
		i.shoot.close()
	}
	return nil
}

// soon asks for the log at the next Tick: there is a server again.
func (i *Invalidator) soon() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next = i.now
}

// Tick implements vtep.Ager.
func (i *Invalidator) Tick(now int64) {
	i.pool.tick(now)
	if i.shoot != nil {
		i.shoot.tick()
	}
	i.mu.Lock()
	i.now = now
	due := !i.busy && now >= i.next
	if due {
		i.busy = true
	}
	i.mu.Unlock()
	if !due {
		return
	}
	if err := i.pool.send(opLogReq, logBody(i.opt.Self), i.took); err != nil {
		i.settle(err, logSoon)
	}
}

// settle ends what is under way, and asks for the log again after a time.
func (i *Invalidator) settle(err error, again time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil && !errors.Is(err, errNoServer) {
		i.faults++
	}
	i.busy, i.fault = false, err
	i.next = i.now + int64(again)
}

// took takes the answer to a LOG_REQ: it passes on what has changed, and then tells the server that it has.
func (i *Invalidator) took(m message, err error) {
	idle := logIdle + rand.N(logIdle)
	if err == nil && m.op != opLogAck {
		err = errSize
	}
	if err != nil {
		i.settle(err, idle)
		return
	}
	s, list, err := readLog(m.body)
	if err == nil && s != statusOK {
		err = fmt.Errorf("the log is refused with status %d", s)
	}
	if err != nil || len(list) == 0 {
		i.settle(err, idle)
		return
	}
	for _, q := range questions(list) {
		i.sink.Invalidate(vtep.Scope{Question: q})
	}
	i.mu.Lock()
	i.entries += uint64(len(list))
	i.mu.Unlock()
	if err := i.pool.send(opLogRm, removeBody(list), i.removed); err != nil {
		i.settle(err, logSoon) // they come again, which hurts nobody
	}
}

// removed takes the answer to a LOG_RM.
func (i *Invalidator) removed(m message, err error) {
	if err == nil && m.op != opLogRmAck {
		err = errSize
	}
	if err == nil {
		var s status
		if s, err = readStatus(m.body); err == nil && s != statusOK {
			err = fmt.Errorf("entries of the log cannot be removed: status %d", s)
		}
	}
	i.settle(err, logSoon)
}

// Shoot implements vtep.Shooter.
func (i *Invalidator) Shoot(q vtep.Question, self, to netip.Addr) {
	if i.shoot != nil {
		i.shoot.send(q, self, to)
	}
}

// Status implements vtep.Invalidator.
func (i *Invalidator) Status() vtep.Status {
	s := i.pool.status("vtep_svp_log")
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fault != nil {
		s.Text += ", the log: " + i.fault.Error()
	}
	s.Samples = append(s.Samples,
		event("vtep_svp_log_entries", "Entries of an SVP server's log that were acted on.", i.entries),
		event("vtep_svp_log_faults", "Requests for an SVP server's log that failed.", i.faults))
	if i.shoot != nil {
		s.Samples = append(s.Samples, i.shoot.samples()...)
	}
	return s
}
