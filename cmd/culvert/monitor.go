package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

type monitorCmd struct {
	Bridge     string  `arg:"" help:"Bridge to watch."`
	Packets    bool    `help:"Print packets that actions send to controllers; so without --flows or --watch, and with --resume."`
	Flows      bool    `help:"Print flows that come, change and go."`
	Watch      *string `help:"Print those that SPEC says, as ovs-ofctl monitor takes it behind watch:, the flows there are first: table=1,!initial,!delete,ip." placeholder:"SPEC"`
	Controller uint16  `help:"Packets for this controller." default:"0" placeholder:"ID"`
	Resume     bool    `help:"Let paused packets go on as they are."`
}

// monitorWait is how many seconds one question waits for an answer.
const monitorWait = 25

func (c *monitorCmd) Run(e *env) error {
	q := c.query()
	lost := uint64(0)
	for {
		got, err := ask(e, api.Monitor, q)
		if e.ctx.Err() != nil {
			return nil // interrupted: it has been watching long enough
		}
		if err != nil {
			return err
		}
		q = api.MonitorNext{Session: got.Session, WaitSeconds: monitorWait}
		for i := range got.Events {
			if err := c.event(e, &got.Events[i]); err != nil {
				return err
			}
		}
		if got.Lost != lost {
			fmt.Fprintf(e.errs, "%d events lost: they came faster than they were printed\n", got.Lost-lost)
			lost = got.Lost
		}
	}
}

// query returns what opens the session.
func (c *monitorCmd) query() api.MonitorNext {
	flows := c.Flows || c.Watch != nil
	return api.MonitorNext{Bridge: c.Bridge, Packets: c.Packets || c.Resume || !flows, Flows: flows, Watch: c.Watch, Controller: c.Controller}
}

// event prints one event and lets its packet go on.
func (c *monitorCmd) event(e *env, ev *api.MonitorEvent) error {
	if err := e.print(ev, func(w io.Writer) { printEvent(w, ev) }); err != nil {
		return err
	}
	p := ev.Packet
	if !c.Resume || p == nil || p.Continuation == "" {
		return nil
	}
	_, err := ask(e, api.ResumePacket, api.PacketResume{Bridge: c.Bridge, Continuation: p.Continuation, Match: p.Match, Data: p.Data})
	var failed *api.Error
	if errors.As(err, &failed) { // the packet is lost, the next may not be
		fmt.Fprintln(e.errs, failed)
		return nil
	}
	return err
}

func printEvent(w io.Writer, ev *api.MonitorEvent) {
	if ev.Packet == nil {
		fmt.Fprintln(w, ev.Flow)
		return
	}
	fmt.Fprintf(w, "packet_in: %s\n", ev.Packet.Text)
	if ev.Packet.Data != "" {
		fmt.Fprintln(w, ev.Packet.Data)
	}
}

type packetOutCmd struct {
	Bridge string `arg:"" help:"Bridge to send by."`
	Packet string `arg:"" help:"Such as \"in_port=1 packet=<hex> actions=output:2\"."`
}

func (c *packetOutCmd) Run(e *env) error {
	return show(e, api.SendPacket, api.PacketOut{Bridge: c.Bridge, Text: c.Packet}, func(w io.Writer, _ api.Nothing) {
		fmt.Fprintln(w, "sent")
	})
}
