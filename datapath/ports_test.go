package datapath_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// opener is a driver of memory ports that fails when told to.
type opener struct {
	pool *frame.Pool

	mu    sync.Mutex
	err   error
	dead  bool // devices stop as soon as they are open
	opens int
	open  map[string]*memport.Peer
}

func (o *opener) Open(_ context.Context, name string, _ map[string]string) (pmd.Port, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opens++
	if o.err != nil {
		return nil, o.err
	}
	dev, err := memport.Open(name, memport.Options{Pool: o.pool})
	if err != nil {
		return nil, err
	}
	if o.dead {
		dev.Peer().Fail(errors.New("device gone"))
	}
	if old := o.open[name]; old != nil {
		_ = old.Close()
	}
	o.open[name] = dev.Peer()
	return dev, nil
}

func (o *opener) set(err error, dead bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err, o.dead = err, dead
}

func (o *opener) peer(name string) *memport.Peer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open[name]
}

func (o *opener) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opens
}

// newOpenerLab is a lab whose switch opens its ports itself.
func newOpenerLab(t *testing.T, table rules.Table) (*lab, *opener) {
	o := &opener{open: make(map[string]*memport.Peer)}
	l := newLab(t, datapath.Options{Drivers: map[string]pmd.Driver{"mem": o}}, table)
	o.pool = l.pool
	t.Cleanup(func() { // before the lab closes
		if err := l.sw.Close(); err != nil {
			t.Error(err)
		}
		for _, p := range o.open {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return l, o
}

func (l *lab) apply(bridges ...datapath.BridgeConfig) error {
	return l.sw.Apply(context.Background(), datapath.Config{Bridges: bridges})
}

func memPorts(names ...string) []datapath.PortConfig {
	var ports []datapath.PortConfig
	for _, n := range names {
		ports = append(ports, datapath.PortConfig{Name: n, Driver: "mem"})
	}
	return ports
}

func (l *lab) port(name string) datapath.PortStatus {
	for _, p := range l.sw.Ports() {
		if p.Name == name {
			return p
		}
	}
	return datapath.PortStatus{}
}

func TestAPortWhoseDeviceDoesNotOpenIsTriedAgain(t *testing.T) {
	table := newScript(t, 1, toPort(2))
	l, o := newOpenerLab(t, table)
	broken := errors.New("cable chewed")
	o.set(broken, false)
	if err := l.apply(datapath.BridgeConfig{Name: "br0", Table: table, Ports: memPorts("a", "b")}); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the port says why it is not open", func() bool { return errors.Is(l.port("a").Err, broken) })
	if p := l.port("a"); p.Open || p.Reopens != 0 {
		t.Errorf("port is open %v, reopened %d times", p.Open, p.Reopens)
	}
	o.set(nil, false)
	waitUntil(t, "both ports open", func() bool { return l.port("a").Open && l.port("b").Open })
	o.peer("a").SendBytes(udp(t, 1, 2, 7, 20))
	waitUntil(t, "a packet goes through", func() bool { return len(o.peer("b").RecvBytes()) == 1 })
	if p := l.port("a"); p.Err != nil || p.Reopens != 0 {
		t.Errorf("error %v, reopened %d times; want none, never", p.Err, p.Reopens)
	}
}

func TestADeviceThatStopsIsOpenedAnewButNotInATightLoop(t *testing.T) {
	table := newScript(t, 1, toPort(2))
	l, o := newOpenerLab(t, table)
	if err := l.apply(datapath.BridgeConfig{Name: "br0", Table: table, Ports: memPorts("a", "b")}); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "both ports open", func() bool { return l.port("a").Open && l.port("b").Open })
	o.set(nil, true)
	before := o.count()
	o.peer("a").Fail(errors.New("device gone"))
	time.Sleep(350 * time.Millisecond)
	if n := o.count() - before; n > 3 {
		t.Errorf("opened %d times in 350 ms, want at most 3", n)
	}
	o.set(nil, false)
	waitUntil(t, "port open again", func() bool {
		p := l.port("a")
		return p.Open && p.Reopens > 0
	})
	waitUntil(t, "packets go through", func() bool {
		o.peer("a").SendBytes(udp(t, 1, 2, 7, 20))
		return len(o.peer("b").RecvBytes()) > 0
	})
}

func TestADeviceTheCallerBroughtIsNotOpenedAnew(t *testing.T) {
	table := newScript(t, 1, toPort(2))
	l := newLab(t, datapath.Options{}, table, "a", "b")
	why := errors.New("unplugged")
	l.peers["a"].Fail(why)
	waitUntil(t, "the port says why it stopped", func() bool { return errors.Is(l.port("a").Err, why) })
	if err := l.sw.DelPort("a"); err != nil {
		t.Error(err)
	}
	if err := l.sw.DelPort("a"); !errors.Is(err, datapath.ErrNoPort) {
		t.Errorf("error %v, want ErrNoPort", err)
	}
}

func TestAPortThatCannotBeAddedLeavesNothingBehind(t *testing.T) {
	table := newScript(t, 1, toPort(2))
	l, o := newOpenerLab(t, table)
	open := func(name string) pmd.Port {
		dev, err := memport.Open(name, memport.Options{Pool: l.pool})
		if err != nil {
			t.Fatal(err)
		}
		l.peers[name+"'s peer"] = dev.Peer()
		return dev
	}
	for want, add := range map[string]func() error{
		"no such worker": func() error {
			return l.sw.AddDevice("br0", datapath.PortConfig{Name: "a", Pins: map[int]int{0: 7}}, open("a"))
		},
		"the port has 1 receive queues": func() error {
			return l.sw.AddPort(context.Background(), "br0", datapath.PortConfig{Name: "b", Driver: "mem", Pins: map[int]int{5: 0}})
		},
		"no such bridge": func() error {
			return l.sw.AddDevice("br7", datapath.PortConfig{Name: "c"}, open("c"))
		},
		"no driver \"dpdk\"": func() error {
			return l.sw.AddPort(context.Background(), "br0", datapath.PortConfig{Name: "d", Driver: "dpdk"})
		},
		"a name is missing": func() error {
			return l.sw.AddDevice("br0", datapath.PortConfig{}, open("e"))
		},
		"number 70000: want 1 to 65279": func() error {
			return l.sw.AddDevice("br0", datapath.PortConfig{Name: "f", Number: 70000}, open("f"))
		},
	} {
		if err := add(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if ports := l.sw.Ports(); len(ports) != 0 {
		t.Errorf("%d ports are left", len(ports))
	}
	if n := o.count(); n != 1 {
		t.Errorf("devices were opened %d times, want once", n)
	}
}

func TestApplyChangesOnlyTheDifference(t *testing.T) {
	table, other := newScript(t, 1, toPort(2)), newScript(t, 2, toPort(1))
	l, o := newOpenerLab(t, table)
	if err := l.apply(datapath.BridgeConfig{Name: "br0", Table: table, Ports: memPorts("a", "b")}); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "both ports open", func() bool { return l.port("a").Open && l.port("b").Open })
	t.Run("what is wrong is named and nothing changes", func(t *testing.T) {
		type unequal struct {
			rules.Table
			_ []int
		}
		for want, bridges := range map[string][]datapath.BridgeConfig{
			"rule table is bridge x's":   {{Name: "x", Table: table}, {Name: "y", Table: table}},
			"want one that == can":       {{Name: "x", Table: unequal{}}},
			"a rule table is missing":    {{Name: "x"}},
			"no other port has":          {{Name: "x", Table: table, Ports: memPorts("a", "a")}},
			"driver \"no\": want one of": {{Name: "x", Table: table, Ports: []datapath.PortConfig{{Name: "a", Driver: "no"}}}},
		} {
			if err := l.apply(bridges...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := l.sw.Apply(ctx, datapath.Config{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		if n := o.count(); n != 2 || len(l.sw.Ports()) != 2 {
			t.Errorf("%d ports after %d opens, want 2 and 2", len(l.sw.Ports()), n)
		}
	})
	t.Run("a port asks for the number that another was given", func(t *testing.T) {
		ports := append(memPorts("a", "b"), datapath.PortConfig{Name: "c", Driver: "mem", Number: 1})
		if err := l.apply(datapath.BridgeConfig{Name: "br0", Table: table, Ports: ports}); err != nil {
			t.Fatal(err)
		}
		if a, b, c := l.port("a").Number, l.port("b").Number, l.port("c").Number; c != 1 || a == b || a == 1 || b == 1 {
			t.Errorf("numbers are %d, %d and %d, want different ones and the last 1", a, b, c)
		}
	})
	t.Run("a port moves to another bridge", func(t *testing.T) {
		err := l.apply(datapath.BridgeConfig{Name: "br0", Table: table, Ports: memPorts("a")},
			datapath.BridgeConfig{Name: "br1", Table: other, Ports: memPorts("b")})
		if err != nil {
			t.Fatal(err)
		}
		waitUntil(t, "both ports open", func() bool { return l.port("a").Open && l.port("b").Open })
		// a is datapath port 1 still; br1 sends everything there.
		id := l.port("a").ID
		o.peer("b").SendBytes(udp(t, 1, 2, 7, 20))
		waitUntil(t, "the new bridge's table decides", func() bool { return len(o.peer("a").RecvBytes()) == 1 })
		if id != 1 || other.asked() != 1 {
			t.Errorf("port a has id %d, the table was asked %d times; want 1, once", id, other.asked())
		}
	})
	t.Run("bridges swap their tables", func(t *testing.T) {
		err := l.apply(datapath.BridgeConfig{Name: "br0", Table: other, Ports: memPorts("a")},
			datapath.BridgeConfig{Name: "br1", Table: table, Ports: memPorts("b")})
		if err != nil {
			t.Fatal(err)
		}
		o.peer("b").SendBytes(udp(t, 1, 2, 7, 20))
		waitUntil(t, "the other table decides", func() bool { return len(o.peer("b").RecvBytes()) == 1 || l.port("b").ID != 2 })
	})
	t.Run("everything goes", func(t *testing.T) {
		if err := l.apply(); err != nil {
			t.Fatal(err)
		}
		if len(l.sw.Ports()) != 0 || l.sw.Stats().Flows.Flows != 0 {
			t.Errorf("%d ports and %d flows are left", len(l.sw.Ports()), l.sw.Stats().Flows.Flows)
		}
	})
}

// told checks that a table hears of its ports before it is asked about one's packets.
type told struct {
	*script
	mu    sync.Mutex
	ports map[uint32]bool
}

func (p *told) SetPorts(ports []rules.Port) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ports = make(map[uint32]bool)
	for _, port := range ports {
		p.ports[port.ID] = true
	}
}

func TestATableHearsOfAPortBeforeItsFirstPacket(t *testing.T) {
	newTold := func(name uint64) *told {
		table := &told{}
		table.script = newScript(t, name, func(q *rules.Query, v *rules.Verdict) error {
			table.mu.Lock()
			defer table.mu.Unlock()
			if in := uint32(q.Key.Uint(flow.FieldInPort)); !table.ports[in] {
				t.Errorf("table %d is asked about port %d, which it has not heard of", name, in)
			}
			return toPort(1)(q, v)
		})
		return table
	}
	l := newLab(t, twoWorkers, newTold(1), "a", "b")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p := udp(t, 1, 2, 0, 20)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				p[35] = byte(i)
				l.peers["a"].SendBytes(p)
			}
		}
	}()
	for i := range uint64(20) {
		l.setTable(t, newTold(2+i))
	}
	close(stop)
	<-done
}

// TestPortsComeAndGoAtEveryStage: two ports change places all the time, so that they are given each
// other's ids, while packets of new and old flows come from a third one, are with the slow path, held
// behind others, staged, and handed over between workers.
func TestPortsComeAndGoAtEveryStage(t *testing.T) {
	for name, slow := range map[string]bool{"with a quick table": false, "with a slow table": true} {
		t.Run(name, func(t *testing.T) {
			// Whoever is port 2 or 3 gets what comes; half the flows from there go back to port 1.
			var lookups atomic.Uint64
			table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
				v.Mask.SetExact(flow.FieldUDPSrc)
				for begin := time.Now(); slow && time.Since(begin) < 50*time.Microsecond; {
				}
				n := lookups.Add(1)
				v.NoCache = n%5 == 0
				if q.Key.Uint(flow.FieldInPort) == 1 {
					v.Actions.Output(2)
					v.Actions.Output(3)
				} else if q.Key.Uint(flow.FieldRecircID) == 0 && n%3 == 0 {
					v.Actions.Recirc(5)
				} else {
					v.Actions.Output(1)
				}
				return nil
			})
			o := twoWorkers
			o.SlowPath = datapath.SlowPath{QueueLength: 32, Held: 64, Revalidate: time.Millisecond, MaxIdle: 5 * time.Millisecond}
			l := newLab(t, o, table)
			l.add("a", memport.Options{Queues: 2})
			var stop atomic.Bool
			var senders sync.WaitGroup
			flood := func(q *memport.Queue, from byte) {
				p := udp(t, from, 2, 0, 100)
				for i := 0; !stop.Load(); i++ {
					p[34], p[35] = byte(i>>4), byte(i>>2)
					q.SendBytes(p)
					q.RecvBytes()
					if i%64 == 0 {
						time.Sleep(50 * time.Microsecond)
					}
				}
			}
			for _, q := range l.peers["a"].Queues() {
				senders.Go(func() { flood(q, 1) })
			}
			times := 15
			if testing.Short() {
				times = 8
			}
			for i := range times {
				names := []string{"x", "y"}
				if i%2 == 1 {
					names = []string{"y", "x"}
				}
				var quit atomic.Bool
				var guests sync.WaitGroup
				for _, name := range names {
					l.add(name, memport.Options{})
					peer := l.peers[name]
					guests.Go(func() {
						p := udp(t, 2, 1, 0, 100)
						for i := 0; !quit.Load(); i++ {
							p[35] = byte(i)
							peer.SendBytes(p)
							peer.RecvBytes()
							if i%64 == 0 {
								time.Sleep(50 * time.Microsecond)
							}
						}
					})
				}
				time.Sleep(3 * time.Millisecond)
				for _, name := range names {
					if err := l.sw.DelPort(name); err != nil {
						t.Fatal(err)
					}
				}
				quit.Store(true)
				guests.Wait()
				for _, name := range names {
					if err := l.peers[name].Close(); err != nil {
						t.Error(err)
					}
				}
			}
			stop.Store(true)
			senders.Wait()
		})
	}
}

func TestCloseInEveryState(t *testing.T) {
	t.Run("with packets everywhere", func(t *testing.T) {
		for range 10 {
			table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
				for begin := time.Now(); time.Since(begin) < 50*time.Microsecond; {
				}
				return toPort(2)(q, v)
			})
			l := newLab(t, twoWorkers, table)
			l.add("a", memport.Options{Queues: 2})
			l.add("b", memport.Options{})
			for i := range 500 {
				l.peers["a"].Queues()[i%2].SendBytes(udp(t, 1, 2, uint16(i/4), 20))
			}
			if err := l.sw.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("twice, and at the same time as everything else", func(t *testing.T) {
		l := newLab(t, twoWorkers, newScript(t, 1, toPort(2)), "a", "b")
		dev, err := memport.Open("c", memport.Options{Pool: l.pool})
		if err != nil {
			t.Fatal(err)
		}
		l.peers["c"] = dev.Peer()
		var all sync.WaitGroup
		for _, do := range []func(){
			func() { _ = l.sw.Close() }, func() { _ = l.sw.Close() }, l.sw.Sync,
			func() { _ = l.sw.DelPort("a") }, func() { l.sw.Flows() }, func() { l.sw.Stats() }, func() { l.sw.Ports() },
			// Once: a device belongs to the switch from then on.
			sync.OnceFunc(func() { _ = l.sw.AddDevice("br0", datapath.PortConfig{Name: "c"}, dev) }),
		} {
			all.Go(func() {
				for range 20 {
					do()
				}
			})
		}
		all.Wait()
		l.sw.Sync()
		if err := l.apply(); !errors.Is(err, datapath.ErrClosed) {
			t.Errorf("error %v, want ErrClosed", err)
		}
		if err := l.sw.AddDevice("br0", datapath.PortConfig{Name: "c"}, dev); !errors.Is(err, datapath.ErrClosed) {
			t.Errorf("error %v, want ErrClosed", err)
		}
	})
}
