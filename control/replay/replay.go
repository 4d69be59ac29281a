// Package replay runs the switch on captures: what each port receives comes from a file, what it sends goes into
// another. It needs no privileges and no devices, and the same configuration and captures give the same output,
// byte for byte, in every run, build and environment.
//
// The inputs are merged by their time stamps, and the switch's clock is theirs: flows, rules and addresses age by
// it. Packets go through one at a time. Each is dealt with to its end, its slow path included, before the next one
// comes, and what it taught the tables is then true of the caches too; every hash has a fixed seed.
//
// With Options.Verify it holds the caches to their promise, packet by packet: see verifier.
//
// What is not the wire's is not replayed: devices' limits on length, checksums that a sender left to hardware,
// commands given while the switch ran.
package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
)

// Options say what is replayed.
type Options struct {
	Config *config.Config
	In     []Input
	Out    string // directory for the captures of what ports send, made if it is not there; "": none
	// Packet, unless nil, is told of each packet once it has been dealt with. An error ends the replay.
	Packet func(*Packet) error
	// Verify holds the caches to their promise; Violation is told of each packet for which they broke it.
	Verify    bool
	Violation func(*Violation)
}

// A Summary is what a replay comes to.
type Summary struct {
	Packets    int               `json:"packets"`
	Cut        int               `json:"cut"` // of them not captured to their end
	Looks      map[string]int    `json:"looks"`
	Sent       map[string]int    `json:"sent"` // packets by port
	Drops      map[string]uint64 `json:"drops"`
	Checked    int               `json:"checked,omitempty"`    // look-ups that were verified
	Violations int               `json:"violations,omitempty"` // that broke the promise
}

// Run replays. ctx ends it early.
func Run(ctx context.Context, o Options) (*Summary, error) {
	sources, err := openSources(o.In)
	defer func() {
		for _, s := range sources {
			s.capture.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	r := &replayer{
		o: o, sources: sources, out: outputs{dir: o.Out, files: make(map[string]*output)},
		sum: Summary{Looks: make(map[string]int), Sent: make(map[string]int), Drops: make(map[string]uint64)},
	}
	if err := r.start(); err != nil {
		return nil, err
	}
	return &r.sum, errors.Join(r.run(ctx), r.close())
}

// A replayer is a replay under way.
type replayer struct {
	o       Options
	sources []*source
	clock   *clock
	sw      *daemon.Offline
	names   portNames
	out     outputs
	verify  *verifier // nil: nothing is verified
	sum     Summary

	packet Packet    // in hand
	at     time.Time // its time stamp
	bytes  []byte    // scratch
	drops  []counter.Sample
	before []uint64 // drop counters before it
	err    error    // of writing
}

// start makes room for the outputs and makes the switch, which may send from its first moment on.
func (r *replayer) start() error {
	origin := int64(0)
	if first := earliest(r.sources); first != nil {
		origin = first.at
	}
	r.clock, r.at = newClock(origin, int64(r.o.Config.SlowPath.Revalidate)), time.Unix(0, origin).UTC()
	names := portsOf(r.o.Config)
	if file := r.out.overlaps(r.o.In, names); file != "" {
		return fmt.Errorf("output directory %s: its captures would replace input %s", r.o.Out, file)
	}
	if err := r.out.prepare(names); err != nil {
		return err
	}
	var err error
	r.sw, err = daemon.NewOffline(daemon.OfflineOptions{
		Config: r.o.Config, See: r.see, Sent: r.sent, Clock: func() int64 { return r.clock.now },
	})
	if err != nil {
		return err
	}
	if err := r.connect(names); err != nil {
		return errors.Join(err, r.sw.Close())
	}
	if r.o.Verify {
		if r.verify, err = newVerifier(r.sw.Stepper, r.names); err != nil {
			return errors.Join(err, r.sw.Close())
		}
		r.verify.speaks = r.sw.Speaks()
	}
	return nil
}

// portsOf returns the names of all ports of a configuration.
func portsOf(c *config.Config) (names []string) {
	for _, b := range c.Bridges {
		for _, p := range b.Ports {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// connect finds the ports of the inputs; names are all there are.
func (r *replayer) connect(names []string) error {
	for _, p := range r.sw.Ports() {
		for len(r.names) <= int(p.ID) {
			r.names = append(r.names, "")
		}
		r.names[p.ID] = p.Name
	}
	for _, s := range r.sources {
		id, ok := r.names.PortNumber(s.Port)
		if !ok {
			return fmt.Errorf("input %s: want a port of the configuration (%s), found %q", s.Path, strings.Join(names, ", "), s.Port)
		}
		s.id = id
	}
	return nil
}

// run replays every packet.
func (r *replayer) run(ctx context.Context) error {
	for s := earliest(r.sources); s != nil; s = earliest(r.sources) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.replay(s); err != nil {
			return err
		}
		if err := s.advance(); err != nil {
			return err
		}
	}
	return nil
}

// replay lets the next packet of s through the switch.
func (r *replayer) replay(s *source) error {
	r.clock.forward(s.at, r.walk)
	r.bytes = s.packet(r.bytes)
	r.at = time.Unix(0, s.at).UTC()
	r.sum.Packets++
	r.packet = Packet{
		Number: r.sum.Packets, In: s.Port, Frame: s.frame, TimeNs: s.at, Length: len(r.bytes),
		Looks: r.packet.Looks[:0], Out: r.packet.Out[:0],
	}
	if len(s.next.Data) < s.next.Length {
		r.packet.Captured = len(s.next.Data)
		r.sum.Cut++
	}
	if r.verify != nil {
		r.verify.begin()
	}
	r.noteDrops()
	if err := r.sw.Send(s.id, r.bytes); errors.Is(err, datapath.ErrTooLong) {
		r.packet.Drop = append(r.packet.Drop, "too_long")
		r.sum.Drops["too_long"]++
	} else if err != nil {
		return err
	}
	r.follow()
	r.countDrops()
	if r.verify != nil {
		r.check()
	}
	if r.err == nil && r.o.Packet != nil {
		r.err = r.o.Packet(&r.packet)
	}
	return r.err
}

// walk lets time have passed.
func (r *replayer) walk() {
	r.sw.Walk()
	r.follow()
}

// follow lets packets go on that waited for the one before.
func (r *replayer) follow() { r.err = errors.Join(r.err, r.sw.Follow()) }

// see is shown each look-up.
func (r *replayer) see(p *datapath.Pass) {
	r.sum.Looks[p.Level.String()]++
	if r.o.Packet != nil {
		var match *flow.Match
		if m, _, ok := r.sw.Megaflow(p.Slot); ok {
			match = &m
		}
		r.packet.Looks = append(r.packet.Looks, r.names.look(p, match))
	}
	if r.verify != nil {
		r.verify.see(p)
	}
}

// sent is given what ports send.
func (r *replayer) sent(port string, packet []byte) {
	r.packet.Out = append(r.packet.Out, Out{Port: port, Length: len(packet)})
	r.sum.Sent[port]++
	if r.verify != nil {
		r.verify.sent(port, packet)
	}
	if err := r.out.write(port, r.at, packet); err != nil && r.err == nil {
		r.err = fmt.Errorf("write capture of port %s: %w", port, err)
	}
}

// noteDrops notes the drop counters before a packet.
func (r *replayer) noteDrops() {
	r.drops = r.sw.Drops(r.drops[:0])
	r.before = r.before[:0]
	for _, s := range r.drops {
		r.before = append(r.before, s.Value)
	}
}

// countDrops names those that have moved.
func (r *replayer) countDrops() {
	r.drops = r.sw.Drops(r.drops[:0])
	for i, s := range r.drops {
		if n := s.Value - r.before[i]; n > 0 {
			r.packet.Drop = append(r.packet.Drop, s.Name)
			r.sum.Drops[s.Name] += n
		}
	}
}

// check verifies what was seen of a packet.
func (r *replayer) check() {
	for _, v := range r.verify.check() {
		v.Number, v.In, v.Frame = r.packet.Number, r.packet.In, r.packet.Frame
		r.sum.Violations++
		if r.o.Violation != nil {
			r.o.Violation(&v)
		}
	}
	r.sum.Checked += len(r.verify.looks)
}

// close ends the switch and the outputs.
func (r *replayer) close() error {
	var errs []error
	if r.verify != nil {
		errs = append(errs, r.verify.close())
	}
	return errors.Join(append(errs, r.sw.Close(), r.out.close())...)
}
