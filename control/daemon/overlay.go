package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/profile"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// Times of a profile.
const (
	overlayTick  = 100 * time.Millisecond // between two ticks of its directory
	overlayRetry = time.Second            // until plug-ins that did not open are tried again
)

// An overlay is a profile as a configuration has it, and its plug-ins at work. It does not change.
type overlay struct {
	in     *overlays
	config config.Profile
	*work
}

// A work is the plug-ins of a profile, open or about to be. It outlives changes of what they need not know.
type work struct {
	stop   context.CancelFunc // nil: nothing runs
	done   chan struct{}      // closed when nothing runs any more
	guests *guests

	mu      sync.Mutex
	dir     *vtep.Directory // nil: not open
	err     error           // why not
	version uint64          // of the directory's changes that the switch has been told
}

// with returns o with other settings than the plug-ins'.
func (o *overlay) with(c config.Profile) *overlay { return &overlay{in: o.in, config: c, work: o.work} }

// directory returns who knows, nil if the plug-ins are not open.
func (w *work) directory() *vtep.Directory {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dir
}

// profile returns what tunnels ask, when d is open. Nobody is told of the guests of an offline switch.
func (o *overlay) profile(d *vtep.Directory) *tunnel.Profile {
	p := &tunnel.Profile{Directory: d, Suppress: o.config.Suppress}
	if !o.in.offline {
		p.Guests = o.guests
	}
	return p
}

// begin opens the plug-ins, if they are not yet at work, and lets time pass for them.
func (o *overlay) begin() {
	if o.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	o.stop, o.done = stop, make(chan struct{})
	o.open()
	if o.in.offline {
		close(o.done)
		return
	}
	go func() {
		defer close(o.done)
		o.run(ctx)
	}()
}

// open opens the plug-ins.
func (o *overlay) open() {
	c := o.config.Config
	if o.in.offline {
		if c.Invalidation = (profile.Plugin{}); !c.Alone() {
			return
		}
	}
	d, err := profile.Open(c, o.in.options())
	if o.set(d, err) {
		o.in.log.Warn("a profile does not open; it is tried again", "profile", o.config.Name, "error", err)
	}
}

// set notes what came of opening the plug-ins, and reports whether they failed for the first time.
func (w *work) set(d *vtep.Directory, err error) (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	news = err != nil && w.err == nil
	if w.dir, w.err = d, err; d != nil {
		var none vtep.ChangeSet
		w.version = d.Changes(0, &none) // nobody has asked it yet
	}
	return news
}

// run lets time pass for the plug-ins, and tries to open those that did not, until ctx ends.
func (o *overlay) run(ctx context.Context) {
	for ctx.Err() == nil {
		d := o.directory()
		if d != nil {
			d.Tick()
			rest(ctx, overlayTick)
			continue
		}
		rest(ctx, overlayRetry)
		if ctx.Err() != nil {
			return
		}
		if o.open(); o.directory() != nil {
			o.in.log.Info("a profile is open", "profile", o.config.Name)
			o.in.publish()
		}
	}
}

// end closes the plug-ins. What they have said is known as long as somebody asks.
func (o *overlay) end() {
	o.stop()
	<-o.done
	if d := o.directory(); d != nil {
		if err := d.Close(); err != nil {
			o.in.log.Warn("a profile does not close", "profile", o.config.Name, "error", err)
		}
	}
}

// changes appends what has changed in the profile's directory since the last call.
func (w *work) changes(d *vtep.Directory, now int64, list []rules.Change) []rules.Change {
	var set vtep.ChangeSet
	w.mu.Lock()
	w.version = d.Changes(w.version, &set)
	w.mu.Unlock()
	w.guests.changed(d, &set, now)
	if set.All {
		list = append(list, rules.Change{Tag: ^uint64(0)})
	}
	for _, c := range set.Changes {
		list = append(list, rules.Change{Tag: c.Tag, Match: matchOf(c.Question)})
	}
	return list
}

// matchOf returns which packets an answer is about, in whatever network: those to an Ethernet address, or those that ask for
// an IP address. nil: any.
func matchOf(q vtep.Question) *flow.Match {
	m := new(flow.Match)
	switch q.Kind {
	case vtep.ByMAC:
		mac := q.MAC()
		m.SetBytesMasked(flow.FieldEthDst, mac[:], ones[:6])
	case vtep.ByIP:
		addr := q.IP()
		if addr.Is4() {
			m.SetUint(flow.FieldEthType, wire.TypeARP)
			m.SetBytesMasked(flow.FieldARPTPA, addr.AsSlice(), ones[:4])
			break
		}
		m.SetUint(flow.FieldEthType, wire.TypeIPv6)
		m.SetBytesMasked(flow.FieldNDTarget, addr.AsSlice(), ones[:])
	default:
		return nil
	}
	return m
}

var ones = [16]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}
