package datapath_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// TestOrderThroughTunnelsWhileRulesAndTunnelsChange: flows go into a tunnel, are sent back by the other end, and come
// out of it again, some after a second look-up, while rules change and the tunnels are replaced. What arrives of a
// flow arrives in order, and nothing leaks.
func TestOrderThroughTunnelsWhileRulesAndTunnelsChange(t *testing.T) {
	const flows, packets = 12, 300
	into := pushed(t, between("192.0.2.1", "192.0.2.2", 7), action.Header{Longest: 1464})
	edition := func(e uint64) func(*rules.Query, *rules.Verdict) error {
		return func(q *rules.Query, v *rules.Verdict) error {
			f := q.Key.Uint(flow.FieldUDPSrc)
			v.Mask.SetExact(flow.FieldUDPSrc)
			v.NoCache = (f+e)%7 == 0
			switch in := q.Key.Uint(flow.FieldInPort); {
			case q.Key.Uint(flow.FieldRecircID) == 0 && f%3 == 0:
				v.Actions.Recirc(1)
			case in == guest:
				v.Actions.Become(into.Words())
			case in == tunnel:
				v.Mask.SetExact(flow.FieldTunID)
				if q.Key.Uint(flow.FieldTunID) != 7 {
					t.Errorf("a packet of VNI %d", q.Key.Uint(flow.FieldTunID))
				}
				v.Actions.Output(guest)
			}
			return nil
		}
	}
	o := twoWorkers
	o.SlowPath = datapath.SlowPath{MaxIdle: 10 * time.Millisecond, Revalidate: 2 * time.Millisecond}
	o.Cache = datapath.CacheConfig{Flows: 16, EMCInsert: 2}
	l := newTunnelLab(t, o, into)
	table := newScript(t, 2, edition(0))
	l.setTable(t, table)
	var stop atomic.Bool
	var ends sync.WaitGroup
	sent := make(chan struct{})
	allSent := sync.OnceFunc(func() { close(sent) })
	ends.Go(func() {
		defer allSent() // a wrong order ends it
		seen, peer := order{}, l.peers["guest"]
		for n := 0; n < packets || !stop.Load(); n++ {
			for f := range flows {
				if n < packets {
					peer.SendBytes(numbered(t, uint16(f), n))
				}
			}
			if n == packets {
				allSent()
			}
			for _, p := range peer.RecvBytes() {
				seen.check(t, p)
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	ends.Go(func() {
		peer := l.peers["wan"]
		for !stop.Load() {
			for _, p := range peer.RecvBytes() {
				copy(p[26:34], append(bytes.Clone(p[30:34]), p[26:30]...))
				peer.SendBytes(p)
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	for e := range uint64(60) {
		table.change(rules.ChangeSet{All: true}, edition(e))
		l.sw.Sync()
		l.setTunnels(encap.Tunnel{Port: tunnel, Type: encap.VXLAN, AnyKey: e%2 == 0, Key: 7 * uint32(e%2)})
	}
	<-sent
	waitUntil(t, "packets come out of the tunnel", func() bool { return value(l.port("tun").Samples, "rx_packets") > flows })
	l.balanced()
	stop.Store(true)
	ends.Wait()
}
