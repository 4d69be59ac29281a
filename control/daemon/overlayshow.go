package daemon

import (
	"context"
	"net"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/metrics"
	"github.com/culvertdev/culvert/encap/vtep"
)

func (d *Daemon) tunnelList(context.Context, api.Nothing) ([]api.Tunnel, error) {
	out := []api.Tunnel{}
	ports := d.sw.Ports()
	for _, t := range d.tunnels.Ports() {
		c := t.Config()
		one := api.Tunnel{
			Port: t.Name(), Type: c.Type.String(), Remote: c.Remote.Text(), Local: c.Local.Text(), InKey: c.InKey.Text(),
			OutKey: c.OutKey.Text(), UDPPort: int(c.DstPort), Profile: c.Profile, MTU: t.MTU(), Counters: []api.Counter{},
		}
		one.Way, one.Reason = t.Way()
		for i := range ports {
			if ports[i].Name == one.Port {
				one.Bridge, one.Counters = ports[i].Bridge, apiCounters(ports[i].Samples)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

func (d *Daemon) profileShow(_ context.Context, n api.ProfileName) ([]api.Profile, error) {
	out := []api.Profile{}
	for _, o := range d.overlays.list() {
		if n.Name == "" || n.Name == o.config.Name {
			out = append(out, o.show(n.Name != ""))
		}
	}
	if n.Name != "" && len(out) == 0 {
		return nil, api.Errorf(api.NotFound, "profile %s: no such profile", n.Name)
	}
	return out, nil
}

// show returns how a profile is; whole: with all that it knows.
func (o *overlay) show(whole bool) api.Profile {
	c := &o.config
	here := o.guests.list()
	out := api.Profile{
		Name: c.Name, Lookup: api.Plugin{Kind: c.Lookup.Kind}, Suppress: c.Suppress,
		FloodUnknown: c.FloodUnknown || c.Lookup.Kind == "learn", Here: len(here), Counters: []api.Counter{},
	}
	if c.Invalidation.Kind != "" {
		out.Invalidation = &api.Plugin{Kind: c.Invalidation.Kind}
	}
	if err := o.fault(); err != nil {
		out.Error = err.Error()
	}
	d := o.directory()
	if d == nil {
		return out
	}
	st := d.Status()
	out.Open, out.Fault, out.Known, out.Negative, out.Waiting = true, st.Fault, st.Known, st.Negative, st.Waiting
	out.Lookup.Up, out.Lookup.Text = st.Look.Up, st.Look.Text
	if out.Invalidation != nil {
		out.Invalidation.Up, out.Invalidation.Text = st.Invalidate.Up, st.Invalidate.Text
	}
	out.Counters = apiCounters(append(d.Samples(), o.guests.samples()...))
	if !whole {
		return out
	}
	for _, g := range here {
		one := api.Guest{VNI: g.VNI, MAC: net.HardwareAddr(g.MAC[:]).String(), End: g.End.String()}
		if g.IP.IsValid() {
			one.IP = g.IP.String()
		}
		out.Guests = append(out.Guests, one)
	}
	for _, l := range d.Lines() {
		out.Answers = append(out.Answers, apiAnswer(&l))
	}
	return out
}

// fault returns why the plug-ins are not open, nil if they are.
func (w *work) fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func apiAnswer(l *vtep.Line) api.Answer {
	q := l.Question
	out := api.Answer{VNI: q.VNI, State: l.State.String(), Stale: l.Stale, LeftSeconds: l.Left.Seconds()}
	switch q.Kind {
	case vtep.ByMAC:
		mac := q.MAC()
		out.MAC = net.HardwareAddr(mac[:]).String()
	case vtep.ByIP:
		out.IP, out.MAC = q.IP().String(), macText(l.Answer.MAC)
	default:
		out.Flood = true
	}
	for _, e := range l.Answer.Ends {
		out.Ends = append(out.Ends, e.String())
	}
	return out
}

// counted returns what is counted of profiles.
func (v *overlays) counted() (list []metrics.Profile) {
	for _, o := range v.list() {
		p := metrics.Profile{Name: o.config.Name, Invalidates: o.config.Invalidation.Kind != "", Here: len(o.guests.list())}
		if d := o.directory(); d != nil {
			p.Overview, p.Samples = d.Status(), append(d.Samples(), o.guests.samples()...)
		}
		list = append(list, p)
	}
	return list
}
