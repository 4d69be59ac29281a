package daemon

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// mux returns the methods of the control socket.
func (d *Daemon) mux() *api.Mux {
	m := api.NewMux(d.log)
	api.Handle(m, api.GetVersion, func(context.Context, api.Nothing) (api.Version, error) { return d.o.Build, nil })
	api.Handle(m, api.Show, d.show)
	api.Handle(m, api.GetStats, d.stats)
	api.Handle(m, api.CacheDump, d.cacheDump)
	api.Handle(m, api.ConfigApply, d.configApply)
	api.Handle(m, api.Trace, d.trace)
	api.Handle(m, api.PortList, d.portList)
	api.Handle(m, api.PortAdd, d.portAdd)
	api.Handle(m, api.PortModify, d.portMod)
	api.Handle(m, api.PortDel, d.portDel)
	api.Handle(m, api.FlowAdd, d.flowAdd)
	api.Handle(m, api.FlowMod, d.flowMod)
	api.Handle(m, api.FlowDel, d.flowDel)
	api.Handle(m, api.FlowReplace, d.flowReplace)
	api.Handle(m, api.Bundle, d.bundle)
	api.Handle(m, api.FlowDiff, d.flowDiff)
	api.Handle(m, api.FlowDump, d.flowDump)
	api.Handle(m, api.FlowAggregate, d.flowAggregate)
	api.Handle(m, api.GatewayShow, d.gatewayShow)
	api.Handle(m, api.UnderlayShow, d.underlayShow)
	api.Handle(m, api.TunnelList, d.tunnelList)
	api.Handle(m, api.ProfileShow, d.profileShow)
	api.Handle(m, api.FDBShow, d.fdbShow)
	api.Handle(m, api.FDBAdd, d.fdbAdd)
	api.Handle(m, api.FDBDel, d.fdbDel)
	api.Handle(m, api.FDBFlush, d.fdbFlush)
	api.Handle(m, api.MirrorList, d.mirrorList)
	api.Handle(m, api.MirrorAdd, d.mirrorAdd)
	api.Handle(m, api.MirrorDel, d.mirrorDel)
	api.Handle(m, api.BondShow, d.bondShow)
	api.Handle(m, api.BondSetActive, d.bondSetActive)
	api.Handle(m, api.BondEnable, d.bondEnable)
	api.Handle(m, api.BondDisable, d.bondDisable)
	api.Handle(m, api.MDBShow, d.mdbShow)
	api.Handle(m, api.MDBFlush, d.mdbFlush)
	api.Handle(m, api.GroupAdd, d.groupAdd)
	api.Handle(m, api.GroupMod, d.groupMod)
	api.Handle(m, api.GroupDel, d.groupDel)
	api.Handle(m, api.GroupInsert, d.groupInsert)
	api.Handle(m, api.GroupRemove, d.groupRemove)
	api.Handle(m, api.GroupDump, d.groupDump)
	api.Handle(m, api.TLVAdd, d.tlvAdd)
	api.Handle(m, api.TLVDel, d.tlvDel)
	api.Handle(m, api.TLVShow, d.tlvShow)
	api.Handle(m, api.MeterAdd, d.meterAdd)
	api.Handle(m, api.MeterMod, d.meterMod)
	api.Handle(m, api.MeterDel, d.meterDel)
	api.Handle(m, api.MeterShow, d.meterShow)
	api.Handle(m, api.Monitor, d.monitorNext)
	api.Handle(m, api.SendPacket, d.packetOut)
	api.Handle(m, api.ResumePacket, d.packetResume)
	return m
}

func (d *Daemon) show(context.Context, api.Nothing) (api.Overview, error) {
	st := d.sw.Stats()
	o := api.Overview{
		Version: d.o.Build, PID: os.Getpid(), UptimeSeconds: time.Since(st.Since).Seconds(), Config: d.o.File,
		Frames: api.Frames(st.Frames), Flows: apiFlows(st.Flows), Workers: apiWorkers(st.Workers),
		Bridges: []api.Bridge{},
	}
	ports := d.sw.Ports()
	d.mu.Lock()
	defer d.mu.Unlock()
	o.Restart = slices.Clone(d.restart)
	for _, b := range d.sortedBridges() {
		out := b.show()
		for i := range ports {
			if ports[i].Bridge == b.name {
				out.Ports = append(out.Ports, apiPort(&ports[i]))
			}
		}
		o.Bridges = append(o.Bridges, out)
	}
	return o, nil
}

func (d *Daemon) stats(context.Context, api.Nothing) (api.Stats, error) {
	st := d.sw.Stats()
	out := api.Stats{
		UptimeSeconds: time.Since(st.Since).Seconds(),
		Caches:        apiCounters(st.Caches), Events: apiCounters(st.Events), Drops: apiCounters(st.Drops),
		SlowPath: apiCounters(st.SlowPath), Flows: apiFlows(st.Flows), Frames: api.Frames(st.Frames),
		Workers: apiWorkers(st.Workers), Ports: apiPortFlows(st.Ports), Bridges: apiBridgeCounters(st.Bridges),
	}
	for _, c := range out.Caches {
		out.Packets += c.Value
	}
	out.PortDrops, out.PortFaults = apiLosses(d.sw.Ports())
	return out, nil
}

func (d *Daemon) cacheDump(_ context.Context, f api.CacheFilter) ([]api.CacheFlow, error) {
	if f.Limit < 0 {
		return nil, api.Errorf(api.BadParams, "limit %d: want 0 or more", f.Limit)
	}
	names := portsByID{}
	for _, p := range d.sw.Ports() {
		names[p.ID] = p.Name
	}
	if _, ok := names.PortNumber(f.Port); f.Port != "" && !ok {
		return nil, noPort(f.Port)
	}
	flows := d.sw.Flows()
	slices.SortStableFunc(flows, func(a, b datapath.CachedFlow) int { return cmp.Compare(b.Packets, a.Packets) })
	out := []api.CacheFlow{}
	for i := range flows {
		in := names[uint32(flows[i].Match.Key.Uint(flow.FieldInPort))]
		if f.Port != "" && in != f.Port {
			continue
		}
		if f.Limit > 0 && len(out) == f.Limit {
			break
		}
		out = append(out, api.CacheFlow{
			Match: string(flows[i].Match.Append(nil, flow.Names{Ports: names})), Actions: flows[i].Actions,
			Packets: flows[i].Packets, Bytes: flows[i].Bytes, UsedSeconds: flows[i].LastUsed.Seconds(),
		})
	}
	return out, nil
}

// portsByID names datapath ports, which is what in_port of a cached flow is.
type portsByID map[uint32]string

// PortNumber implements flow.PortNames.
func (n portsByID) PortNumber(name string) (uint32, bool) {
	for id, one := range n {
		if one == name {
			return id, true
		}
	}
	return 0, false
}

// PortName implements flow.PortNames.
func (n portsByID) PortName(id uint32) (string, bool) {
	name, ok := n[id]
	return name, ok
}
