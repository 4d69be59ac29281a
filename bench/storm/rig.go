package storm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// Hosts, one behind each port.
const (
	calmHost host = 1 + iota
	calmOut
	stormHost
	stormOut
)

// accessList has nothing against anybody here, but it takes a look at everything to find that out: a
// rule for one flow makes the switch tell all flows apart.
const accessList = `
priority=200,udp,nw_src=192.0.2.1,nw_dst=192.0.2.2,tp_src=1,tp_dst=1,actions=drop
priority=100,ip,nw_src=198.51.100.0/24,actions=drop
priority=0,actions=NORMAL
`

// How much longer than the rings that worker receives from, in frames, is what else there is.
const (
	outRings = 2 // the others: more than can be on the way, so that hosts that are late never make one overflow
	buffers  = 8 // of the arena
)

// A rig is a switch with one worker and four ports, and the hosts behind them.
type rig struct {
	pool   *frame.Pool
	sw     *datapath.Switch
	table  *openflow.Table
	peers  []*memport.Peer
	cpu    int    // the worker's
	worker thread // the one that it has had since moves
	moves  uint64
	calm   *established
	storm  *flood
	ring   int     // packets that wait for the worker at a port at most
	alone  float64 // packets a second that established flows reach alone
}

func newRig(o Options, worker int) (r *rig, err error) {
	r = &rig{ring: o.Ring, cpu: worker}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
			r = nil
		}
	}()
	if r.pool, err = frame.NewPool(frame.Options{Buffers: buffers * o.Ring}); err != nil {
		return r, err
	}
	r.sw, err = datapath.New(datapath.Options{
		Pool:    r.pool,
		Workers: datapath.WorkersConfig{CPUs: []int{worker}},
		Cache:   datapath.CacheConfig{Flows: o.Cache},
	})
	if err != nil {
		return r, err
	}
	if err := r.follow(); err != nil {
		return r, err
	}
	if r.table, err = newTable(o); err != nil {
		return r, err
	}
	if err := r.sw.Apply(context.Background(), datapath.Config{
		Bridges: []datapath.BridgeConfig{{Name: "br0", Table: r.table}},
	}); err != nil {
		return r, err
	}
	for _, p := range []struct {
		name string
		ring int
	}{{"calm", o.Ring}, {"calm-out", outRings * o.Ring}, {"storm", o.Ring}, {"storm-out", outRings * o.Ring}} {
		port, err := memport.Open(p.name, memport.Options{Pool: r.pool, RingSize: p.ring})
		if err != nil {
			return r, err
		}
		r.peers = append(r.peers, port.Peer())
		if err := r.sw.AddDevice("br0", datapath.PortConfig{Name: p.name}, port); err != nil {
			return r, err
		}
	}
	if r.calm, err = newEstablished(r.pool, r.peers[0], r.peers[1], o.Flows); err != nil {
		return r, err
	}
	r.storm, err = newFlood(r.pool, r.peers[2], r.peers[3], o.Kind)
	return r, err
}

func newTable(o Options) (*openflow.Table, error) {
	t, err := openflow.New(openflow.Options{})
	if err != nil {
		return nil, err
	}
	text := "priority=0,actions=NORMAL"
	switch o.Kind {
	case Tuples:
		text = accessList
	case Changes:
		text = accessList + strings.Join(betweenNetworks(o.Rules), "\n")
	}
	flows, err := openflow.ParseFlows(strings.NewReader(text), "rules")
	if err != nil {
		return nil, err
	}
	return t, t.AddFlows(flows)
}

// introduce lets every host say one thing to the next, so that the bridge knows where each is, and
// returns when it does.
func (r *rig) introduce(ctx context.Context) error {
	pairs := [][2]host{{calmOut, calmHost}, {stormOut, stormHost}, {calmHost, calmOut}, {stormHost, stormOut}}
	for _, pair := range pairs {
		from, to := pair[0], pair[1]
		p := template(from, to)
		if r.peers[from-1].SendBytes(p[:]) != 1 {
			return fmt.Errorf("introduce host %d: its port takes nothing", from)
		}
		for end := time.Now().Add(5 * time.Second); len(r.peers[to-1].RecvBytes()) == 0; {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(end) {
				return fmt.Errorf("introduce host %d: host %d hears nothing", from, to)
			}
			time.Sleep(time.Millisecond)
		}
	}
	// The first packets were flooded: hosts they were not for have them, too.
	time.Sleep(10 * time.Millisecond)
	for _, p := range r.peers {
		p.RecvBytes()
	}
	return nil
}

// close takes everything down. The error says what is missing from the arena.
func (r *rig) close() error {
	var errs []error
	if r.sw != nil {
		errs = append(errs, r.sw.Close())
	}
	r.worker.close()
	if r.calm != nil {
		r.calm.close()
	}
	if r.storm != nil {
		r.storm.close()
	}
	for _, p := range r.peers {
		errs = append(errs, p.Close())
	}
	if r.pool != nil {
		errs = append(errs, r.pool.Close())
	}
	return errors.Join(errs...)
}
