package trace

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// answer puts a trace into words. names says what tunnel options are called; ports have their names if named.
func (p ports) answer(bridge string, t *datapath.Trace, names flow.Names, named bool) api.TraceAnswer {
	w := &writer{ports: p, bridge: bridge, names: names}
	if named {
		w.names.Ports, w.portName = p, p.name
	}
	answer := api.TraceAnswer{}
	for i := range t.Passes {
		answer.Looks = append(answer.Looks, w.pass(&t.Passes[i], i > 0))
	}
	if t.Cut {
		fmt.Fprintf(&w.text, "\nThe packet goes on: only its first %d look-ups are shown.\n", len(t.Passes))
	}
	answer.Text = w.text.String()
	return answer
}

// A writer writes a trace down.
type writer struct {
	ports    ports
	bridge   string
	names    flow.Names
	portName func(uint32) string // of datapath ports in actions; nil: numbers
	text     strings.Builder
}

const rule = "==============================================================================="

// pass writes one look-up; again says that it is not the first.
func (w *writer) pass(p *datapath.TracePass, again bool) api.TraceLook {
	look := w.look(p)
	b := &w.text
	if again {
		fmt.Fprintf(b, "\n%s\n%s\n%s\n\n", rule, resume(p), rule)
	}
	fmt.Fprintf(b, "Flow: %s\n\n", look.Flow)
	head := fmt.Sprintf("bridge(%q)", w.bridge)
	fmt.Fprintf(b, "%s\n%s\n", head, strings.Repeat("-", len(head)))
	print(b, tree(head, p.Steps).subs, 0)
	fmt.Fprintln(b)
	if look.FinalFlow != "" {
		final := look.FinalFlow
		if final == look.Flow {
			final = "unchanged"
		}
		fmt.Fprintf(b, "Final flow: %s\n", final)
	}
	fmt.Fprintf(b, "Megaflow: %s\nDatapath actions: %s\n", look.Megaflow, look.Actions)
	if reason, ok := dropReason(p.Program); ok {
		fmt.Fprintf(b, "Drop reason: %s (%s)\n", reason.Sentence(), reason)
	}
	if p.Err != nil {
		fmt.Fprintf(b, "The rule table could not decide: %v\n", p.Err)
	}
	fmt.Fprintf(b, "Answered by: %s\n", answeredBy(p))
	return look
}

// resume says with what a packet goes on.
func resume(p *datapath.TracePass) string {
	if p.Recirc&flow.RecircHashed != 0 {
		return fmt.Sprintf("recirc(%#x) - resume with dp_hash=%#x", p.Recirc, p.Key.Uint(flow.FieldDPHash))
	}
	return fmt.Sprintf("recirc(%#x) - resume with the packet as it is now", p.Recirc)
}

// look describes a look-up.
func (w *writer) look(p *datapath.TracePass) api.TraceLook {
	key := p.Key
	key.SetUint(flow.FieldInPort, uint64(w.ports.number(p.Port)))
	l := api.TraceLook{
		RecircID: p.Recirc, Flow: w.flow(&key), Actions: action.FormatODP(p.Program, &p.Key, w.portName),
		Cache: datapath.LevelSlow.String(), Workers: p.EMC,
	}
	if p.Final != nil {
		final := *p.Final
		for _, f := range [...]flow.FieldID{flow.FieldRecircID, flow.FieldDPHash} {
			final.SetUint(f, key.Uint(f)) // what it is looked up by, which no action changes
		}
		l.FinalFlow = w.flow(&final)
	}
	m := flow.Match{Key: key, Mask: p.Mask}
	m.Mask.SetExact(flow.FieldInPort)
	m.Mask.SetExact(flow.FieldRecircID)
	m.Apply()
	l.Megaflow = string(m.AppendEth(nil, w.names))
	if reason, ok := dropReason(p.Program); ok {
		l.Drop = reason.String()
	}
	if p.Err != nil {
		l.Error = p.Err.Error()
	}
	switch {
	case len(p.EMC) > 0:
		l.Cache = datapath.LevelEMC.String()
	case p.Megaflow != nil:
		l.Cache = datapath.LevelMegaflow.String()
	}
	return l
}

func (w *writer) flow(key *flow.Key) string {
	m := key.Whole()
	if key.Uint(flow.FieldRecircID) != 0 {
		return string(m.AppendEth(nil, w.names))
	}
	return string(m.Append(nil, w.names))
}

// dropReason returns why a program drops what it has not sent; ok is false if it does not.
func dropReason(words []uint64) (reason action.Reason, ok bool) {
	if len(words) == 0 {
		return action.NoMatch, true
	}
	for in, rest, more := action.Next(words); more; in, rest, more = action.Next(rest) {
		if in.Op == action.OpClone {
			rest = rest[in.Arg:]
		}
		if in.Op == action.OpDrop {
			return action.Reason(in.Arg), true
		}
	}
	return 0, false
}

// answeredBy says which cache would answer now.
func answeredBy(p *datapath.TracePass) string {
	switch {
	case len(p.EMC) == 1:
		return fmt.Sprintf("exact-match cache of worker %d", p.EMC[0])
	case len(p.EMC) > 1:
		return "exact-match caches of workers " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(p.EMC)), ", "), "[]")
	case p.Megaflow != nil:
		return "megaflow cache"
	case p.NoCache:
		return "slow path, for every such packet: the verdict is not cached"
	}
	return "slow path"
}
