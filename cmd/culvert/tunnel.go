package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

type tunnelListCmd struct{}

func (c *tunnelListCmd) Run(e *env) error {
	return show(e, api.TunnelList, api.Nothing{}, func(w io.Writer, all []api.Tunnel) {
		t := newTable("TUNNEL", "BRIDGE", "TYPE", "REMOTE", "LOCAL", "KEY", ">MTU", ">RECEIVED", ">SENT")
		for i := range all {
			one := &all[i]
			t.row(one.Port, one.Bridge, one.Type, remoteOf(one), one.Local, keyOf(one), known(one.MTU),
				counted(one.Counters, "rx_packets"), counted(one.Counters, "tx_packets"))
			switch {
			case one.Way != "":
				t.remark("by %s", one.Way)
			case one.Reason != "":
				t.remark("no way: %s", one.Reason)
			}
		}
		t.print(w, "no tunnels")
	})
}

// remoteOf says where a tunnel's packets go.
func remoteOf(t *api.Tunnel) string {
	remote := t.Remote
	if t.Profile != "" {
		remote = "profile " + t.Profile
	}
	if t.UDPPort != 0 {
		remote += fmt.Sprintf(" port %d", t.UDPPort)
	}
	return remote
}

// keyOf says which key packets have.
func keyOf(t *api.Tunnel) string {
	if t.InKey == t.OutKey {
		return t.InKey
	}
	return fmt.Sprintf("in %s, out %s", t.InKey, t.OutKey)
}

// known returns a number, "" for 0, which stands for one that is not known.
func known(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// counted returns a counter's value.
func counted(list []api.Counter, name string) uint64 {
	for _, c := range list {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

type tunnelProfileCmd struct {
	Profile string `arg:"" optional:"" help:"All that this profile knows."`
}

func (c *tunnelProfileCmd) Run(e *env) error {
	return show(e, api.ProfileShow, api.ProfileName{Name: c.Profile}, func(w io.Writer, all []api.Profile) {
		if c.Profile == "" {
			printProfiles(w, all)
			return
		}
		for i := range all {
			printProfile(w, &all[i])
		}
	})
}

// printProfiles prints a line for each profile, and how its plug-ins are.
func printProfiles(w io.Writer, all []api.Profile) {
	t := newTable("PROFILE", "LOOKUP", "INVALIDATION", ">KNOWN", ">NOBODY", ">WAITING", ">HERE")
	for i := range all {
		p := &all[i]
		invalidation := ""
		if p.Invalidation != nil {
			invalidation = p.Invalidation.Kind
		}
		t.row(p.Name, p.Lookup.Kind, invalidation, p.Known, p.Negative, p.Waiting, p.Here)
		for _, remark := range profileRemarks(p) {
			t.remark("%s", remark)
		}
	}
	t.print(w, "no profiles")
}

// profileRemarks says how a profile's plug-ins are.
func profileRemarks(p *api.Profile) (list []string) {
	if !p.Open {
		return []string{"not open: " + p.Error}
	}
	list = append(list, pluginText("lookup", &p.Lookup))
	if p.Invalidation != nil {
		list = append(list, pluginText("invalidation", p.Invalidation))
	}
	if p.Fault != "" {
		list = append(list, "last fault: "+p.Fault)
	}
	return list
}

func pluginText(what string, p *api.Plugin) string {
	state := "down"
	if p.Up {
		state = "up"
	}
	if p.Text != "" {
		state += ", " + p.Text
	}
	return what + " " + state
}

// printProfile prints all that a profile knows.
func printProfile(w io.Writer, p *api.Profile) {
	printProfiles(w, []api.Profile{*p})
	t := newTable(">VNI", "GUEST HERE", "ADDRESS", "END")
	for _, g := range p.Guests {
		t.row(g.VNI, g.MAC, g.IP, g.End)
	}
	t.print(w, "no guests here")
	t = newTable(">VNI", "QUESTION", "ANSWER", "STATE", ">ASKED AGAIN")
	for _, a := range p.Answers {
		question, answer := a.MAC, strings.Join(a.Ends, ", ")
		switch {
		case a.Flood:
			question = "all"
		case a.IP != "":
			question = a.IP
			if a.MAC != "" {
				answer = a.MAC + " at " + answer
			}
		}
		state := a.State
		if a.Stale {
			state += ", out of date"
		}
		t.row(a.VNI, question, answer, state, "in "+seconds(a.LeftSeconds))
	}
	t.print(w, "no answers")
}
