package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// offlineSeed keys the hashes of every offline switch, so that each does what the others do.
const offlineSeed = 0x63756c76657274

// OfflineOptions are what an offline switch is made from.
type OfflineOptions struct {
	Config *config.Config
	// Sent, unless nil, is given what ports send; packet is valid during the call.
	Sent func(port string, packet []byte)
	// Clock is the time in ns, from 1 on.
	Clock func() int64
	// See, unless nil, is shown every look-up: see datapath.NewStepper.
	See func(*datapath.Pass)
}

// An Offline is a switch as a configuration says that nothing runs: no threads, sockets or devices. Its caller
// brings the packets and the time. Two of them that get the same do the same.
//
// Thread-safety: as datapath.Stepper.
type Offline struct {
	*datapath.Stepper
	pool    *frame.Pool
	bridges map[string]*bridge
	stack   *underlay.Stack
	tunnels tunnels
	// overlays are those profiles that need nobody outside of the process.
	overlays *overlays
}

// NewOffline returns an offline switch with all bridges, ports and rules of its configuration.
func NewOffline(o OfflineOptions) (*Offline, error) {
	c := o.Config
	pool, err := frame.NewPool(frame.Options{
		Buffers: c.Frames.Buffers, BufferSize: c.Frames.BufferSize, Huge: frame.HugeNever, Caches: frameCaches,
	})
	if err != nil {
		return nil, err
	}
	f := &Offline{pool: pool, bridges: make(map[string]*bridge), stack: underlay.New(underlay.Options{Clock: o.Clock, Seed: offlineSeed})}
	f.tunnels.Set = tunnel.NewSet(f.stack)
	f.overlays = newOverlays(f.tunnels.Set, o.Clock, f.tunnels.changed, slog.New(slog.DiscardHandler))
	f.overlays.offline = true
	f.stack.Watch(f.tunnels.changed)
	seed := flow.FixedSeed(offlineSeed)
	settings := switchOptions(c)
	settings.Pool, settings.Seed, settings.Clock = pool, &seed, cpu.NewManualClock(o.Clock)
	if f.Stepper, err = datapath.NewStepper(settings, o.See); err != nil {
		return nil, errors.Join(fmt.Errorf("make switch: %w", err), pool.Close())
	}
	if err := f.fill(o); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// fill adds bridges, rules and ports, in the order of the configuration.
func (f *Offline) fill(o OfflineOptions) error {
	plans, err := planAll(o.Config, nil, nil, openflow.Options{Clock: o.Clock, Seed: offlineSeed}, f.stack)
	if err != nil {
		return err
	}
	var bare datapath.Config
	for _, p := range plans {
		bare.Bridges = append(bare.Bridges, datapath.BridgeConfig{Name: p.name, Table: p.rules()})
		f.bridges[p.name] = p.bridge
	}
	if err := f.Apply(context.Background(), bare); err != nil {
		return err
	}
	for _, p := range plans {
		for _, port := range p.target().Ports {
			dev, err := f.device(port, o.Sent)
			if err != nil {
				return fmt.Errorf("port %s: %w", port.Name, err)
			}
			if err := f.AddDevice(p.name, port, dev); err != nil {
				return err
			}
		}
	}
	if err := settleUnderlay(f.stack, o.Config, plans); err != nil {
		return err
	}
	f.overlays.settle(o.Config)
	return f.Follow()
}

// device returns what is behind a port: a tunnel is one offline, too.
func (f *Offline) device(port datapath.PortConfig, sent func(string, []byte)) (pmd.Port, error) {
	if typ, err := encap.ParseType(port.Driver); err == nil {
		return f.tunnels.Driver(typ).Open(context.Background(), port.Name, port.Options)
	}
	return newOfflinePort(port.Name, f.pool, sent)
}

// Follow makes the switch follow what its packets have taught the underlay, and lets packets for tunnels go on that
// waited for it.
func (f *Offline) Follow() error {
	if f.stack.First() == "" {
		return nil // no tunnel goes anywhere
	}
	f.overlays.listen(askingTunnels(f.tunnels.Ports()))
	f.overlays.tick()
	f.stack.SetGroups(f.overlays.groups())
	own := f.stack.Own()
	changes := f.overlays.follow(own)
	err := f.tunnels.follow(f.Switch, append(own, f.stack.Groups()...), changes)
	f.Sync()
	f.Work()
	return err
}

// Speaks reports whether a rule table or the underlay sends packets of its own accord, as gateways and bonds do.
func (f *Offline) Speaks() bool {
	for _, b := range f.bridges {
		if b.gateway != nil || len(b.table.Bonds()) > 0 {
			return true
		}
	}
	return f.stack.First() != ""
}

// Close ends the switch and its ports. ErrLeaked says that frames did not come back.
func (f *Offline) Close() error {
	f.overlays.close()
	err := f.Stepper.Close()
	if lost := f.pool.Close(); lost != nil {
		err = errors.Join(err, fmt.Errorf("%w: %w", ErrLeaked, lost))
	}
	return err
}
