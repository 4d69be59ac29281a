package main

import (
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

type versionCmd struct{}

func (*versionCmd) Run(e *env) error {
	return e.print(e.build, func(w io.Writer) { fmt.Fprintln(w, versionText(e.build)) })
}

func versionText(v api.Version) string {
	if v.Revision == "" {
		return fmt.Sprintf("culvert %s, %s", v.Version, v.Go)
	}
	return fmt.Sprintf("culvert %s, %s, revision %s", v.Version, v.Go, v.Revision)
}

type showCmd struct{}

func (*showCmd) Run(e *env) error {
	return show(e, api.Show, api.Nothing{}, func(w io.Writer, o api.Overview) {
		fmt.Fprintf(w, "%s, process %d, up %s\n", versionText(o.Version), o.PID, seconds(o.UptimeSeconds))
		fmt.Fprintf(w, "configuration %s\n", o.Config)
		for _, key := range o.Restart {
			fmt.Fprintf(w, "    %s has a new value that waits for a restart\n", key)
		}
		fmt.Fprintf(w, "frames: %s\nflows: %s\n", framesText(o.Frames), flowsText(o.Flows))
		for _, worker := range o.Workers {
			fmt.Fprintln(w, workerText(worker))
		}
		for _, b := range o.Bridges {
			name := b.Name
			if b.Table == "gateway" {
				name += " (gateway)"
			}
			fmt.Fprintf(w, "\nbridge %s: %d %s, %d known %s\n", name,
				b.Rules, plural(b.Rules, "rule", "rules"), b.MACs, plural(b.MACs, "address", "addresses"))
			printPorts(w, b.Ports)
		}
	})
}

type cacheDumpCmd struct {
	Port  string `help:"Flows that enter by this port only." placeholder:"PORT"`
	Limit int    `help:"At most so many; 0 for all." default:"0" placeholder:"N"`
}

func (c *cacheDumpCmd) Run(e *env) error {
	f := api.CacheFilter{Port: c.Port, Limit: c.Limit}
	return show(e, api.CacheDump, f, func(w io.Writer, flows []api.CacheFlow) {
		for _, f := range flows {
			fmt.Fprintf(w, "%s packets:%d bytes:%d used:%s actions:%s\n", f.Match, f.Packets, f.Bytes, seconds(f.UsedSeconds), f.Actions)
		}
		if len(flows) == 0 {
			fmt.Fprintln(w, "no cached flows")
		}
	})
}

func framesText(f api.Frames) string {
	return fmt.Sprintf("%d buffers of %s, %d of them free, %s on %s", f.Buffers, size(uint64(f.BufferSize)), f.Free,
		size(uint64(f.Buffers)*uint64(f.BufferSize)), f.Pages)
}

func flowsText(f api.Flows) string {
	return fmt.Sprintf("%d cached, room for %d", f.Flows, f.Capacity)
}
