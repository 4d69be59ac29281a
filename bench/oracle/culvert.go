package oracle

import (
	"context"
	"errors"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// culvert is the side that is tested: the whole switch with memory ports, packet by packet.
type culvert struct {
	table *openflow.Table
	pool  *frame.Pool
	sw    *datapath.Stepper
	peers map[uint32]*memport.Peer
	ids   map[uint32]uint32 // datapath ports by number
	now   int64             // ns; time passes when somebody says so
	// altered are ports that have changed under way: their VLANs and flags.
	altered map[uint32]rules.Port
}

// seed makes runs alike.
var seed = flow.FixedSeed(1)

// newCulvert makes a switch with a scene's ports and rules; see, unless nil, is shown every look-up. It
// returns what was refused, by its text. The caller closes the switch.
func newCulvert(ctx context.Context, s *Scene, see func(*datapath.Pass)) (c *culvert, refused map[string]string, err error) {
	c = &culvert{peers: make(map[uint32]*memport.Peer), ids: make(map[uint32]uint32), now: int64(time.Hour), altered: make(map[uint32]rules.Port)}
	clock := func() int64 { return c.now }
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if c.pool, err = frame.NewPool(frame.Options{Buffers: 2048, Huge: frame.HugeNever, Audit: true}); err != nil {
		return c, nil, err
	}
	if c.table, err = openflow.New(openflow.Options{Clock: clock, Snooping: openflow.Snooping{Enabled: s.Snooping}}); err != nil {
		return c, nil, err
	}
	o := datapath.Options{Pool: c.pool, Clock: cpu.NewManualClock(clock), Seed: &seed}
	o.Cache.EMCInsert, o.Cache.Flows = 2, 1024
	if c.sw, err = datapath.NewStepper(o, see); err != nil {
		return c, nil, err
	}
	if err = c.sw.Apply(ctx, datapath.Config{Bridges: []datapath.BridgeConfig{{Name: bridge, Table: c.table}}}); err != nil {
		return c, nil, err
	}
	for _, p := range s.Ports {
		if err = c.addPort(p); err != nil {
			return c, nil, err
		}
	}
	if err = c.table.SetBonds(s.Bonds); err != nil {
		return c, nil, err
	}
	if err = c.table.SetMirrors(s.Mirrors); err != nil {
		return c, nil, err
	}
	for _, p := range c.sw.Ports() {
		c.ids[p.Number] = p.ID
	}
	refused = make(map[string]string)
	add := func(list []string, one func(string) error) {
		for _, text := range list {
			if err := one(text); err != nil {
				refused[text] = err.Error()
			}
		}
	}
	if s.Options != "" {
		add([]string{s.Options}, c.addOption)
	}
	add(s.Meters, c.addMeter)
	add(s.Groups, c.addGroup)
	add(s.Flows, c.addFlow)
	c.sw.Sync()
	return c, refused, nil
}

func (c *culvert) addOption(text string) error {
	list, err := flow.ParseOptions(text)
	if err != nil {
		return err
	}
	return c.table.AddTunnelOptions(list)
}

func (c *culvert) addMeter(text string) error {
	m, err := openflow.ParseMeter(text)
	if err != nil {
		return err
	}
	return c.table.AddMeter(m)
}

func (c *culvert) addGroup(text string) error {
	g, err := c.table.Parser().ParseGroup(text)
	if err != nil {
		return err
	}
	return c.table.AddGroups([]openflow.Group{g.Group})
}

func (c *culvert) addFlow(text string) error {
	f, err := c.table.Parser().ParseFlow(text)
	if err != nil {
		return err
	}
	return c.table.AddFlows([]openflow.Flow{f})
}

func (c *culvert) addPort(p Port) error {
	dev, err := memport.Open(portName(p.Number), memport.Options{Pool: c.pool})
	if err != nil {
		return err
	}
	c.peers[p.Number] = dev.Peer()
	return c.sw.AddDevice(bridge, datapath.PortConfig{Name: portName(p.Number), Number: p.Number, VLAN: p.VLAN}, dev)
}

// send returns what leaves the ports for a packet.
func (c *culvert) send(p Packet) (Output, error) {
	c.now += int64(time.Millisecond) // no two packets come at once
	if err := c.sw.Send(c.ids[p.Port], p.Data); err != nil {
		return nil, err
	}
	return c.sent(), nil
}

// sendAll lets packets come together; see datapath.Stepper.SendAll. What leaves the ports is thrown away.
func (c *culvert) sendAll(port uint32, packets [][]byte, between func(bool)) error {
	c.now += int64(time.Millisecond)
	err := c.sw.SendAll(c.ids[port], packets, between)
	c.sent()
	return err
}

// sent returns what has left the ports since it was asked last.
func (c *culvert) sent() Output {
	out := make(Output)
	for number, peer := range c.peers {
		if got := peer.RecvBytes(); len(got) > 0 {
			out[number] = got
		}
	}
	return out
}

// close ends the switch; every frame must have come back.
func (c *culvert) close() error {
	var errs []error
	if c.sw != nil {
		errs = append(errs, c.sw.Close())
	}
	for _, p := range c.peers {
		errs = append(errs, p.Close())
	}
	if c.pool != nil {
		errs = append(errs, c.pool.Close())
	}
	return errors.Join(errs...)
}
