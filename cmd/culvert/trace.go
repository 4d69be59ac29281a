package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/pmd/pcapport"
)

type traceCmd struct {
	Bridge   string `arg:"" help:"Bridge that the packet comes to."`
	Flow     string `arg:"" optional:"" sep:"none" help:"The packet as a match in ovs-ofctl's syntax: in_port=1,udp,dl_src=…"`
	Packet   string `arg:"" optional:"" help:"The packet itself, in hexadecimal; FLOW then says what it does not carry, in_port above all."`
	Generate bool   `help:"Make a packet from FLOW for rules that look at packets. May be written -generate."`
	Capture  string `help:"Take the packet from a capture." placeholder:"FILE"`
	Frame    int    `help:"Its number in the capture, from 1." default:"1" placeholder:"N"`
	In       string `help:"Port it comes in by, in place of FLOW's in_port." placeholder:"PORT"`
	Names    bool   `help:"Print ports by name."`
	Config   string `short:"c" help:"Ask a switch as this configuration says, in place of the daemon." placeholder:"FILE"`
}

func (c *traceCmd) Run(e *env) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	text := func(w io.Writer, a api.TraceAnswer) { fmt.Fprint(w, a.Text) }
	if c.Config == "" {
		return show(e, api.Trace, q, text)
	}
	answer, err := c.offline(q)
	if err != nil {
		return err
	}
	return e.print(answer, func(w io.Writer) { text(w, answer) })
}

// query returns what is asked.
func (c *traceCmd) query() (api.TraceQuery, error) {
	q := api.TraceQuery{Bridge: c.Bridge, Flow: c.Flow, Packet: c.Packet, Generate: c.Generate, Names: c.Names}
	if c.In != "" {
		if q.Flow != "" {
			q.Flow += ","
		}
		q.Flow += "in_port=" + c.In
	}
	switch {
	case q.Flow == "":
		return q, usageError{errors.New("want a flow with in_port, or --in with --capture")}
	case c.Capture == "":
		return q, nil
	case c.Packet != "" || c.Generate:
		return q, usageError{errors.New("the packet comes from --capture, an argument or -generate, one of them")}
	}
	var err error
	q.Packet, err = frameOf(c.Capture, c.Frame)
	return q, err
}

// frameOf returns a packet of a capture in hexadecimal; what was not captured of it is zero.
func frameOf(path string, number int) (string, error) {
	c, err := pcapport.OpenCapture(path)
	if err != nil {
		return "", err
	}
	defer c.Close()
	for n := 1; ; n++ {
		rec, err := c.Next()
		switch {
		case errors.Is(err, io.EOF):
			return "", usageError{fmt.Errorf("--frame %d: want 1 to %d, the packets of %s", number, n-1, path)}
		case err != nil:
			return "", err
		case n == number:
			data := make([]byte, max(len(rec.Data), min(rec.Length, pcapport.SnapLen)))
			copy(data, rec.Data)
			return hex.EncodeToString(data), nil
		}
	}
}

// offline asks a switch that is made for the question.
func (c *traceCmd) offline(q api.TraceQuery) (answer api.TraceAnswer, err error) {
	checked, err := config.Load(c.Config, drivers().Types())
	if err != nil {
		return answer, err
	}
	const hour = 3600e9
	f, err := daemon.NewOffline(daemon.OfflineOptions{Config: checked, Clock: func() int64 { return hour }})
	if err != nil {
		return answer, err
	}
	answer, err = f.TracePacket(q)
	return answer, errors.Join(err, f.Close())
}

// ovsSpelling returns a command line with the options as they are here that are spelled otherwise in Open vSwitch:
// ofproto/trace's with one dash, and --sort and --rsort of ovs-ofctl, which go by priority where they have no value.
func ovsSpelling(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		last := i+1 == len(args) || len(args[i+1]) > 0 && args[i+1][0] == '-'
		switch {
		case a == "-generate":
			out[i] = "--generate"
		case (a == "--sort" || a == "--rsort") && last:
			out[i] = a + "=priority"
		}
	}
	return out
}
