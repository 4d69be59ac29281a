package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Bounds of monitors.
const (
	maxMonitors    = 32
	monitorQueue   = 1024             // events that wait to be asked for
	monitorBatch   = 256              // events of one answer
	monitorIdle    = 60 * time.Second // a monitor that nobody asks ends
	maxMonitorWait = 30 * time.Second // less than what ends a connection
)

// monitors are the sessions of those who watch bridges.
//
// Thread-safety: all methods are safe for concurrent use.
type monitors struct {
	mu   sync.Mutex
	byID map[string]*monitor
}

// A monitor is one session. Its channels are nil for what it does not watch.
type monitor struct {
	packets *openflow.PacketSubscription
	flows   *openflow.Subscription
	end     *time.Timer
}

// monitorNext opens a session, or answers with what it has seen.
func (d *Daemon) monitorNext(ctx context.Context, q api.MonitorNext) (api.MonitorEvents, error) {
	if q.Session == "" {
		return d.monitorOpen(q)
	}
	m := d.monitors.get(q.Session)
	if m == nil {
		return api.MonitorEvents{}, api.Errorf(api.NotFound, "session %s: want one that is open, found none", q.Session)
	}
	wait := min(time.Duration(q.WaitSeconds*float64(time.Second)), maxMonitorWait)
	out := api.MonitorEvents{Session: q.Session, Events: m.collect(ctx, max(wait, 0)), Lost: m.lost()}
	m.end.Reset(monitorIdle)
	return out, nil
}

func (d *Daemon) monitorOpen(q api.MonitorNext) (api.MonitorEvents, error) {
	if !q.Packets && !q.Flows && q.Watch == nil {
		return api.MonitorEvents{}, api.Errorf(api.BadParams, "want packets or flows to watch, found neither")
	}
	b, err := d.ruleBridge(q.Bridge)
	if err != nil {
		return api.MonitorEvents{}, err
	}
	watch := openflow.WatchAll()
	if q.Watch != nil {
		if watch, err = readOne("watch", *q.Watch, b.table.Parser().ParseWatch); err != nil {
			return api.MonitorEvents{}, err
		}
	}
	m := &monitor{}
	if q.Packets {
		m.packets = b.table.SubscribePackets(q.Controller, monitorQueue)
	}
	if q.Flows || q.Watch != nil {
		m.flows = b.table.Subscribe(watch, monitorQueue)
	}
	id, err := d.monitors.add(m)
	if err != nil {
		m.close()
		return api.MonitorEvents{}, err
	}
	return api.MonitorEvents{Session: id, Events: []api.MonitorEvent{}}, nil
}

// add opens a session.
func (all *monitors) add(m *monitor) (string, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", api.Errorf(api.Failed, "session: %v", err)
	}
	id := hex.EncodeToString(b[:])
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.byID) >= maxMonitors {
		return "", api.Errorf(api.Busy, "%d sessions are open already", maxMonitors)
	}
	if all.byID == nil {
		all.byID = make(map[string]*monitor)
	}
	all.byID[id] = m
	m.end = time.AfterFunc(monitorIdle, func() {
		all.mu.Lock()
		delete(all.byID, id)
		all.mu.Unlock()
		m.close()
	})
	return id, nil
}

func (all *monitors) get(id string) *monitor {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.byID[id]
}

// close ends all sessions.
func (all *monitors) close() {
	all.mu.Lock()
	defer all.mu.Unlock()
	for id, m := range all.byID {
		m.end.Stop()
		m.close()
		delete(all.byID, id)
	}
}

func (m *monitor) close() {
	if m.packets != nil {
		m.packets.Close()
	}
	if m.flows != nil {
		m.flows.Close()
	}
}

func (m *monitor) lost() (n uint64) {
	if m.packets != nil {
		n += m.packets.Lost()
	}
	if m.flows != nil {
		n += m.flows.Lost()
	}
	return n
}

// collect returns what has happened: at once if something has, else what happens first.
func (m *monitor) collect(ctx context.Context, wait time.Duration) []api.MonitorEvent {
	var packets <-chan *openflow.PacketIn
	var flows <-chan openflow.Event
	if m.packets != nil {
		packets = m.packets.C
	}
	if m.flows != nil {
		flows = m.flows.C
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	list := []api.MonitorEvent{}
	for len(list) < monitorBatch {
		var open bool
		var p *openflow.PacketIn
		var f openflow.Event
		select {
		case p, open = <-packets:
			if open {
				list = append(list, api.MonitorEvent{Packet: apiPacketIn(p)})
			}
		case f, open = <-flows:
			if open {
				list = append(list, api.MonitorEvent{Flow: f.Text()})
			}
		case <-ctx.Done():
			return list
		case <-timer.C:
			return list
		}
		if !open {
			return list
		}
		timer.Reset(0) // what is there already, and no more
	}
	return list
}

func apiPacketIn(p *openflow.PacketIn) *api.PacketIn {
	out := &api.PacketIn{
		Reason: p.Reason.String(), Controller: p.ID, Table: p.Table, Cookie: fmt.Sprintf("0x%x", p.Cookie),
		InPort: uint32(p.Match.Key.Uint(flow.FieldInPort)), Match: p.MatchText(), Size: p.Size,
		Data: hex.EncodeToString(p.Data), UserData: hex.EncodeToString(p.UserData), Text: p.Text(),
	}
	if p.Continuation != 0 {
		out.Continuation = fmt.Sprintf("0x%x", p.Continuation)
	}
	return out
}
