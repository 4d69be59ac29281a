package replay

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Violation is a packet for which the caches broke their promise.
type Violation struct {
	Number   int    `json:"number"` // of the packet in the replay
	In       string `json:"in"`
	Frame    int    `json:"frame"`
	What     string `json:"what"` // which promise
	Cache    string `json:"cache,omitempty"`
	Megaflow string `json:"megaflow,omitempty"`
	Cached   string `json:"cached"` // what the caches do
	Fresh    string `json:"fresh"`  // what the rules say
	Key      string `json:"key"`    // of the packet, or of a mate that the megaflow covers too
	Packet   []byte `json:"packet"`
}

// A verifier holds the caches to their promise. It checks, for each look-up of each packet,
//
//   - that a cache's answer is the program that the rules give for this very packet now;
//   - that the megaflow it belongs to covers it, and has that program from now on;
//   - that packets with random differences that a new megaflow covers as well get the same program;
//
// and that the packets that left are, byte for byte, those that the programs make of it when each is run by itself.
// That last check is left out where a meter has a say, or where packets get numbers on their way into a tunnel.
type verifier struct {
	sw      *datapath.Stepper
	dry     *datapath.DryRun
	names   portNames
	mates   mates
	verdict rules.Verdict
	// speaks: a rule table sends packets of its own, answers to questions and questions to neighbours. They
	// leave beside those that the programs send.
	speaks bool

	looks []looked // of the packet in hand
	out   []left
	found []Violation
}

// A looked is what is kept of a look-up until its packet has left.
type looked struct {
	datapath.Look
	level   datapath.Level
	program []uint64
}

// A left is a packet that left.
type left struct {
	port   string
	packet []byte
}

func newVerifier(sw *datapath.Stepper, names portNames) (*verifier, error) {
	dry, err := datapath.NewDryRun(sw.Extractor())
	if err != nil {
		return nil, err
	}
	return &verifier{sw: sw, dry: dry, names: names, mates: mates{random: rand.New(rand.NewPCG(1, 2)), dry: dry}}, nil
}

func (v *verifier) close() error { return v.dry.Close() }

// begin forgets the packet before.
func (v *verifier) begin() { v.looks, v.out, v.found = v.looks[:0], v.out[:0], nil }

// see is shown a look-up before what it leads to happens: the rules are still those that the cache answered for.
func (v *verifier) see(p *datapath.Pass) {
	l := looked{Look: p.Look, level: p.Level, program: slices.Clone(p.Program)}
	l.Packet = slices.Clone(p.Packet)
	if p.Outer != nil {
		l.Outer = new(*p.Outer)
	}
	v.looks = append(v.looks, l)
	if p.Level == datapath.LevelSlow {
		return // the rules were asked; what they taught themselves by that is for check
	}
	m, _, _ := v.sw.Megaflow(p.Slot)
	if !m.Matches(&l.Key) {
		v.violated("a packet has to be covered by the megaflow it hit", &l, &m, l.program, nil)
	}
	v.agree("a cache has to answer as the rules do", &l, &m, l.program)
}

// sent is given what leaves.
func (v *verifier) sent(port string, packet []byte) {
	v.out = append(v.out, left{port, slices.Clone(packet)})
}

// check returns what was wrong with the packet in hand, which has been dealt with.
func (v *verifier) check() []Violation {
	unlike := false // from packet to packet
	var want []left
	for i := range v.looks {
		l := &v.looks[i]
		if l.level == datapath.LevelSlow {
			v.cached(l)
		}
		unlike = unlike || counts(l.program)
		sent, _, err := v.dry.Run(&l.Look, l.program)
		if err != nil {
			return v.found
		}
		for _, s := range sent {
			want = append(want, left{v.names.name(s.Port), s.Packet})
		}
	}
	if !unlike && !sameLeft(v.out, want, v.speaks) && len(v.looks) > 0 {
		v.violated("what leaves has to be what the programs say", &v.looks[0], nil, v.looks[0].program, v.looks[0].program)
	}
	return v.found
}

// cached checks the megaflow that the slow path's answer to l has become.
func (v *verifier) cached(l *looked) {
	m, program, ok := v.sw.Covering(&l.Key)
	if !ok {
		return
	}
	v.agree("a new megaflow has to say what the rules do", l, &m, program)
	for range matesPerFlow {
		mate, ok := v.mates.of(l, &m)
		if ok {
			v.agree("all packets that a megaflow covers have to get the same program", &mate, &m, program)
		}
	}
}

// agree checks that the rules give the program for l that a cache has.
func (v *verifier) agree(what string, l *looked, m *flow.Match, program []uint64) {
	v.sw.Ask(&l.Look, &v.verdict)
	if fresh := v.verdict.Actions.Words(); !slices.Equal(fresh, program) {
		v.violated(what, l, m, program, fresh)
	}
}

func (v *verifier) violated(what string, l *looked, m *flow.Match, cached, fresh []uint64) {
	whole := l.Key.Whole()
	found := Violation{
		What: what, Cache: l.level.String(), Packet: l.Packet, Key: string(whole.Append(nil, flow.Names{Ports: v.names})),
		Cached: action.Format(cached, v.names.name), Fresh: action.Format(fresh, v.names.name),
	}
	if m != nil {
		found.Megaflow = string(m.Append(nil, flow.Names{Ports: v.names}))
	}
	v.found = append(v.found, found)
}

// counts reports whether a program has a meter in it, or numbers packets: what it does is not the packet's alone.
func counts(words []uint64) bool {
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpMeter || in.Op == action.OpPush && numbers(in.Header().Stack) {
			return true
		}
	}
	return false
}

// numbers reports whether packets with a header stack are numbered: by the identification of IPv4 packets that may be
// cut, or by sequence numbers.
func numbers(stack []uint64) bool {
	o, err := encap.ReadStack(stack)
	return err != nil || o.Src.Is4() && !o.DontFragment || o.Sequence || o.Type == encap.ERSPAN
}

// sameLeft reports whether two lists have the same packets on each port, in any order; with more, a may have others
// beside them.
func sameLeft(a, b []left, more bool) bool {
	order := func(x, y left) int { return cmp.Or(cmp.Compare(x.port, y.port), bytes.Compare(x.packet, y.packet)) }
	slices.SortFunc(a, order)
	slices.SortFunc(b, order)
	for more && len(a) > len(b) {
		// The first of a that is not the one of b in its place is one of those.
		i := 0
		for i < len(b) && order(a[i], b[i]) == 0 {
			i++
		}
		a = slices.Delete(a, i, i+1)
	}
	return slices.EqualFunc(a, b, func(x, y left) bool { return order(x, y) == 0 })
}
