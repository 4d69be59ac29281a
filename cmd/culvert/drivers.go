package main

import (
	"log/slog"

	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/afpacket"
	"github.com/culvertdev/culvert/pmd/faulty"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/pmd/pcapport"
	"github.com/culvertdev/culvert/pmd/tap"
	"github.com/culvertdev/culvert/pmd/xsk"
	"github.com/culvertdev/culvert/ring/frame"
)

// drivers is every type of port there is. Each can be opened with faults injected: see pmd/faulty.
func drivers() daemon.Drivers {
	return daemon.Drivers{
		"afpacket": faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return afpacket.New(p, l) }),
		"afxdp":    faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return xsk.New(p, l) }),
		"memory":   faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return memport.New(p, l) }),
		"pcap":     faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return pcapport.New(p, l) }),
		"tap":      faultable(func(p *frame.Pool, l *slog.Logger) pmd.Driver { return tap.New(p, l) }),
	}
}

type newDriver = func(*frame.Pool, *slog.Logger) pmd.Driver

func faultable(inner newDriver) newDriver {
	return func(p *frame.Pool, l *slog.Logger) pmd.Driver { return faulty.New(inner(p, l), p) }
}

func driverNames() []string { return drivers().Types() }
