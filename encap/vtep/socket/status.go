package socket

import (
	"cmp"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/ring/counter"
)

// A tally counts what a Plugin goes through. It is under the Plugin's lock.
type tally struct {
	connected, wrong, unsent uint64
}

// Status implements vtep.Resolver.
func (p *Plugin) Status() vtep.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	event := func(name, help string, n uint64) counter.Sample {
		return counter.Sample{Desc: counter.Desc{Name: name, Help: help, Kind: counter.Event}, Value: n}
	}
	s := vtep.Status{Samples: []counter.Sample{
		event("vtep_socket_connected", "Times that a look-up plug-in was connected to over its socket.", p.tally.connected),
		event("vtep_socket_wrong", "Messages of a look-up plug-in that were wrong and ended the connection.", p.tally.wrong),
		event("vtep_socket_unsent", "Messages for a look-up plug-in that was not there.", p.tally.unsent),
	}}
	if p.conn == nil {
		s.Text = p.opt.Path
		if p.err != nil {
			s.Text += ": " + p.err.Error()
		}
		return s
	}
	s.Up = !p.conn.down
	s.Text = p.opt.Path + ": " + cmp.Or(p.conn.name, "a plug-in without a name")
	if p.conn.text != "" {
		s.Text += ", " + p.conn.text
	}
	return s
}
