package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

type portListCmd struct {
	Bridge string `arg:"" optional:"" help:"Ports of this bridge only."`
}

func (c *portListCmd) Run(e *env) error {
	return show(e, api.PortList, api.PortFilter{Bridge: c.Bridge}, printPorts)
}

type portAddCmd struct {
	Bridge   string            `arg:"" help:"Bridge the port joins."`
	Name     string            `arg:"" help:"Name of the port."`
	Options  map[string]string `arg:"" optional:"" mapsep:"none" help:"Options of the driver, as in the configuration file: device=veth0 mode=native."`
	Type     string            `required:"" help:"Kind of port: ${types}." placeholder:"TYPE"`
	Number   uint32            `help:"OpenFlow port number; the lowest free one without it." placeholder:"N"`
	Mode     string            `help:"VLAN mode: access, trunk, native-tagged, native-untagged or dot1q-tunnel." placeholder:"MODE"`
	Tag      int               `help:"VLAN of an access port, native VLAN, or that of a tunnel's service tag." placeholder:"VLAN"`
	NewFlows int               `help:"New flows a second that the port may start." placeholder:"N"`
	Flows    int               `help:"Flows that the port may have in the megaflow cache." placeholder:"N"`
	Masks    int               `help:"Different masks that its flows may have." placeholder:"N"`
	Trunks   string            `help:"VLANs of a trunk or native port, such as 10,20-29; all without it." placeholder:"VLANS"`
	CVLANs   string            `name:"cvlans" help:"VLANs that a dot1q-tunnel takes; all without it." placeholder:"VLANS"`
	QinQ     string            `name:"qinq-ethtype" help:"Type of a dot1q-tunnel's service tag: 802.1ad or 802.1q." placeholder:"TYPE"`

	PriorityTags string `help:"When packets without a VLAN leave with a tag: never, if-nonzero or always." placeholder:"WHEN"`
	Protected    bool   `help:"The port does not forward to other protected ports."`
	McastFlood   bool   `name:"mcast-snooping-flood" help:"The port gets packets to all multicast groups."`
	McastReports bool   `name:"mcast-snooping-flood-reports" help:"The port hears what hosts say of multicast groups."`
}

func (c *portAddCmd) Run(e *env) error {
	trunks, err := numbers(c.Trunks)
	if err != nil {
		return usageError{fmt.Errorf("--trunks: %w", err)}
	}
	cvlans, err := numbers(c.CVLANs)
	if err != nil {
		return usageError{fmt.Errorf("--cvlans: %w", err)}
	}
	p := api.NewPort{
		Limits: api.PortLimits{NewFlows: c.NewFlows, Flows: c.Flows, Masks: c.Masks},
		Bridge: c.Bridge, Name: c.Name, Type: c.Type, Number: c.Number, Options: c.Options, Protected: c.Protected,
		PortMulticast: api.PortMulticast{Flood: c.McastFlood, FloodReports: c.McastReports},
		VLAN: api.VLAN{
			Mode: c.Mode, Tag: c.Tag, Trunks: trunks, CVLANs: cvlans, QinQType: c.QinQ, PriorityTags: c.PriorityTags,
		},
	}
	return show(e, api.PortAdd, p, func(w io.Writer, p api.Port) {
		fmt.Fprintf(w, "port %s is number %d of bridge %s: %s\n", p.Name, p.Number, p.Bridge, portState(p))
	})
}

// numbers reads 10,20-29.
func numbers(text string) ([]int, error) {
	var all []int
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		first, errLo := strconv.ParseUint(lo, 10, 12)
		last, errHi := strconv.ParseUint(hi, 10, 12)
		if errLo != nil || errHi != nil || first > last {
			return nil, fmt.Errorf("want VLANs such as 10,20-29, found %q", part)
		}
		for n := first; n <= last; n++ {
			all = append(all, int(n))
		}
	}
	return all, nil
}

type portModCmd struct {
	Name     string   `arg:"" help:"Name of the port."`
	Settings []string `arg:"" help:"What it takes part in, in ovs-ofctl's words: up, down, receive, no-receive, forward, no-forward, flood, no-flood."`
}

func (c *portModCmd) Run(e *env) error {
	return show(e, api.PortModify, api.PortMod{Name: c.Name, Settings: c.Settings}, func(w io.Writer, p api.Port) {
		fmt.Fprintf(w, "port %s: %s\n", p.Name, settingsText(p))
	})
}

// settingsText says what a port does not take part in.
func settingsText(p api.Port) string {
	if len(p.Settings) == 0 {
		return "takes part in everything"
	}
	return strings.Join(p.Settings, ", ")
}

// normalText is what NORMAL has to know of a port beside its VLANs, "" if there is nothing.
func normalText(p api.Port) string {
	var parts []string
	if p.Protected {
		parts = append(parts, "protected")
	}
	if p.Flood {
		parts = append(parts, "gets all multicast")
	}
	if p.FloodReports {
		parts = append(parts, "hears all multicast reports")
	}
	if p.VLAN.PriorityTags != "" {
		parts = append(parts, "priority tags: "+p.VLAN.PriorityTags)
	}
	if len(p.Settings) > 0 {
		parts = append(parts, "set to "+settingsText(p))
	}
	return strings.Join(parts, ", ")
}

type portDelCmd struct {
	Name string `arg:"" help:"Name of the port."`
}

func (c *portDelCmd) Run(e *env) error {
	return show(e, api.PortDel, api.PortName{Name: c.Name}, func(w io.Writer, _ api.Nothing) {
		fmt.Fprintf(w, "port %s removed\n", c.Name)
	})
}

// printPorts prints one line a port, and below it what was chosen for it and why, and what is wrong.
func printPorts(w io.Writer, ports []api.Port) {
	t := newTable("BRIDGE", ">NUMBER", "NAME", "TYPE", "STATE", ">MTU", "VLAN", ">RX PACKETS", ">RX", ">TX PACKETS", ">TX", ">DROPPED")
	for _, p := range ports {
		count, drops := tally(p.Counters)
		t.row(p.Bridge, p.Number, p.Name, p.Type, portState(p), p.MTU, vlanText(p.VLAN),
			count["rx_packets"], size(count["rx_bytes"]), count["tx_packets"], size(count["tx_bytes"]), drops)
		for _, line := range noteLines(p.Notes) {
			t.remark("%s", line)
		}
		for _, c := range p.Counters {
			switch {
			case c.Value == 0:
			case c.Kind == "drop":
				t.remark("dropped %d: %s (%s)", c.Value, c.Name, c.Help)
			case c.Kind == "fault":
				t.remark("faults %d: %s (%s)", c.Value, c.Name, c.Help)
			}
		}
		if text := normalText(p); text != "" {
			t.remark("%s", text)
		}
		if p.Reopens > 0 {
			t.remark("opened again %d %s", p.Reopens, plural(int(p.Reopens), "time", "times"))
		}
		if p.Error != "" {
			t.remark("error: %s", p.Error)
		}
	}
	t.print(w, "no ports")
}

// tally returns the counters by name, and the sum of all drops.
func tally(counters []api.Counter) (values map[string]uint64, drops uint64) {
	values = make(map[string]uint64, len(counters))
	for _, c := range counters {
		values[c.Name] = c.Value
		if c.Kind == "drop" {
			drops += c.Value
		}
	}
	return values, drops
}

func portState(p api.Port) string {
	switch {
	case !p.Open && p.Error != "":
		return "not open, tried again"
	case !p.Open:
		return "opening"
	case !p.LinkUp:
		return "no link"
	}
	return "up"
}

// noteLines says what was chosen: what needs no reason on one line, everything else each on its own.
func noteLines(notes []api.Note) []string {
	var plain, reasoned []string
	for _, n := range notes {
		if n.Reason == "" {
			plain = append(plain, n.Key+": "+n.Value)
		} else {
			reasoned = append(reasoned, fmt.Sprintf("%s: %s (%s)", n.Key, n.Value, n.Reason))
		}
	}
	if len(plain) > 0 {
		reasoned = append([]string{strings.Join(plain, ", ")}, reasoned...)
	}
	return reasoned
}

func vlanText(v api.VLAN) string {
	parts := []string{v.Mode}
	if v.Tag != 0 {
		parts = append(parts, strconv.Itoa(v.Tag))
	}
	if len(v.Trunks) > 0 && v.Tag != 0 {
		parts = append(parts, "of")
	}
	if len(v.Trunks) > 0 {
		parts = append(parts, ranges(v.Trunks))
	}
	if v.QinQType != "" {
		parts = append(parts, v.QinQType)
	}
	if len(v.CVLANs) > 0 {
		parts = append(parts, "for", ranges(v.CVLANs))
	}
	return strings.Join(parts, " ")
}

// ranges writes ascending numbers as 10,20-29.
func ranges(n []int) string {
	var parts []string
	for i := 0; i < len(n); i++ {
		first := i
		for i+1 < len(n) && n[i+1] == n[i]+1 {
			i++
		}
		if i == first {
			parts = append(parts, strconv.Itoa(n[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", n[first], n[i]))
		}
	}
	return strings.Join(parts, ",")
}
