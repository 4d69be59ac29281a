package main

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/afpacket"
	"github.com/culvertdev/culvert/pmd/faulty"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/pmd/pcapport"
	"github.com/culvertdev/culvert/pmd/tap"
	"github.com/culvertdev/culvert/pmd/xsk"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// drivers is every type of port there is. Each can be opened with faults injected: see pmd/faulty.
func drivers() daemon.Drivers {
	return daemon.Drivers{
		"afpacket": faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return afpacket.New(p, l) }, afpacket.CheckOptions),
		"afxdp":    faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return xsk.New(p, l) }, xsk.CheckOptions),
		"memory":   faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return memport.New(p, l) }, memport.CheckOptions),
		"pcap":     faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return pcapport.New(p, l) }, pcapport.CheckOptions),
		"tap":      faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return tap.New(p, l) }, tap.CheckOptions),

		vhost.DriverName:    faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return vhost.New(p, l) }, vhost.CheckOptions),
		frontend.DriverName: faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return frontend.New(p, l) }, frontend.CheckOptions),
	}
}

func faultable(inner func(*frame.Pool, *slog.Logger) pmd.Driver, check func(map[string]string) error) daemon.Driver {
	return daemon.Driver{
		New:   func(p *frame.Pool, l *slog.Logger) pmd.Driver { return faulty.New(inner(p, l), p) },
		Check: faulty.CheckOptions(check),
	}
}

// portTypes names the types of port, sorted: those with a device and tunnels.
func portTypes() []string { return slices.Sorted(maps.Keys(drivers().Types())) }
