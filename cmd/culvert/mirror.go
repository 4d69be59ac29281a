package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

type mirrorListCmd struct {
	Bridge string `arg:"" optional:"" help:"Mirrors of this bridge only."`
}

func (c *mirrorListCmd) Run(e *env) error {
	return show(e, api.MirrorList, api.BridgeName{Bridge: c.Bridge}, func(w io.Writer, all []api.Mirror) {
		t := newTable("BRIDGE", "MIRROR", "SELECTS", "SENDS TO", ">PACKETS", ">BYTES")
		for _, m := range all {
			t.row(m.Bridge, m.Name, selectText(&m.MirrorConfig), targetText(&m), m.Packets, m.Bytes)
		}
		t.print(w, "no mirrors")
	})
}

// selectText says what a mirror selects.
func selectText(m *api.MirrorConfig) string {
	var parts []string
	if m.SelectAll {
		parts = append(parts, "all")
	}
	if len(m.SelectSrc) > 0 {
		parts = append(parts, "from "+strings.Join(m.SelectSrc, ","))
	}
	if len(m.SelectDst) > 0 {
		parts = append(parts, "to "+strings.Join(m.SelectDst, ","))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	text := strings.Join(parts, ", ")
	if len(m.VLANs) > 0 {
		text += " in VLAN " + strings.Trim(strings.ReplaceAll(fmt.Sprint(m.VLANs), " ", ","), "[]")
	}
	return text
}

// targetText says where a mirror sends to.
func targetText(m *api.Mirror) string {
	text := "port " + m.OutputPort
	if m.OutputPort == "" {
		text = fmt.Sprintf("VLAN %d", m.OutputVLAN)
	}
	if m.Snaplen > 0 {
		text += fmt.Sprintf(", %d bytes", m.Snaplen)
	}
	if !m.Active {
		text += ", which is not there"
	}
	return text
}

type mirrorAddCmd struct {
	Bridge     string   `arg:"" help:"Bridge whose packets are to be copied."`
	Name       string   `arg:"" help:"Name of the mirror."`
	SelectAll  bool     `help:"Copy what comes in or goes out by any port."`
	SelectSrc  []string `name:"select-src-port" help:"Copy what comes in by these ports." placeholder:"PORTS"`
	SelectDst  []string `name:"select-dst-port" help:"Copy what goes out by these ports." placeholder:"PORTS"`
	SelectVLAN string   `name:"select-vlan" help:"Of that, only packets in these VLANs, such as 10,20-29." placeholder:"VLANS"`
	OutputPort string   `help:"Port that gets the copies, and takes part in nothing else." placeholder:"PORT"`
	OutputVLAN int      `name:"output-vlan" help:"VLAN into which the copies go." placeholder:"VLAN"`
	Snaplen    int      `help:"Bytes of a packet that are copied." placeholder:"BYTES"`
}

func (c *mirrorAddCmd) Run(e *env) error {
	vlans, err := numbers(c.SelectVLAN)
	if err != nil {
		return usageError{fmt.Errorf("--select-vlan: %w", err)}
	}
	m := api.NewMirror{Bridge: c.Bridge, MirrorConfig: api.MirrorConfig{
		Name: c.Name, SelectAll: c.SelectAll, SelectSrc: c.SelectSrc, SelectDst: c.SelectDst, VLANs: vlans,
		OutputPort: c.OutputPort, OutputVLAN: c.OutputVLAN, Snaplen: c.Snaplen,
	}}
	return show(e, api.MirrorAdd, m, func(w io.Writer, _ api.Nothing) {
		fmt.Fprintf(w, "mirror %s selects %s\n", m.Name, selectText(&m.MirrorConfig))
	})
}

type mirrorDelCmd struct {
	Bridge string `arg:"" help:"Bridge that has the mirror."`
	Name   string `arg:"" help:"Name of the mirror."`
}

func (c *mirrorDelCmd) Run(e *env) error {
	return show(e, api.MirrorDel, api.MirrorName{Bridge: c.Bridge, Name: c.Name}, func(w io.Writer, _ api.Nothing) {
		fmt.Fprintf(w, "mirror %s removed\n", c.Name)
	})
}
