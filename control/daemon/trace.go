package daemon

import (
	"context"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/trace"
)

// trace says what would become of a packet.
func (d *Daemon) trace(_ context.Context, q api.TraceQuery) (api.TraceAnswer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.bridge(q.Bridge)
	if err != nil {
		return api.TraceAnswer{}, err
	}
	return trace.Run(d.sw, b.name, b.tunnelOptions(), q)
}

// TracePacket says what would become of a packet.
func (f *Offline) TracePacket(q api.TraceQuery) (api.TraceAnswer, error) {
	b, err := bridgeNamed(f.bridges, q.Bridge)
	if err != nil {
		return api.TraceAnswer{}, err
	}
	return trace.Run(f, b.name, b.tunnelOptions(), q)
}
