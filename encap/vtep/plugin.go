package vtep

import (
	"net/netip"

	"github.com/culvertdev/culvert/ring/counter"
)

// A Resolver is a look-up plug-in.
//
// Thread-safety: a Directory calls its methods from several goroutines, but none after Close.
type Resolver interface {
	// Start hands over the sink that answers go to. It is called once, before any other method.
	Start(s Sink) error
	// Ask sets out to find the answer to q and must not block: the answer goes to the sink, before Ask
	// returns or later, from any goroutine. A question that gets no answer is asked again, so a plug-in may
	// lose one. An error says why there will be no answer to this one; it is shown, and the question asked
	// again all the same.
	Ask(q Question) error
	// Status says how the plug-in is.
	Status() Status
	// Close ends the plug-in. When it returns, the sink is not called any more.
	Close() error
}

// An Invalidator is an invalidation plug-in: it hears from somewhere which answers are no good any more, and
// tells the sink. A Resolver that hears of changes itself needs none.
type Invalidator interface {
	Start(s Sink) error // as Resolver.Start
	Status() Status
	Close() error
}

// A Status is how a plug-in is, for people.
type Status struct {
	Up   bool   // it can answer
	Text string // why not, or whom it talks to
	// Samples are the plug-in's own counters, which never go back.
	Samples []counter.Sample
}

// A Sink takes what plug-ins have to say. Directory is one.
//
// Thread-safety: all methods may be called at the same time, from within Ask as well.
type Sink interface {
	// Answer says what the answer to q is, asked for or not. Unasked, it replaces what is known about q.
	Answer(q Question, a Answer)
	// Invalidate says that answers are no good any more.
	Invalidate(s Scope)
	// Recovered says that the plug-in is there (again) and may have missed something: what is known is asked
	// about anew, and serves meanwhile; what got no answer is asked at once.
	Recovered()
}

// What a Scope is about.
type What uint8

// Values of What.
const (
	One        What = iota // the answer to Question
	Net                    // all answers in the VNI of Question
	Everything             // all answers
)

// A Scope says which answers an invalidation is about.
type Scope struct {
	What     What
	Question Question
	// End, when valid, narrows it to answers that lead there: who says that a guest is not with him any more
	// has no say about where it is now.
	End netip.Addr
}

// A Guest is what is known about a guest and where it is.
type Guest struct {
	VNI uint32
	MAC [6]byte
	IP  netip.Addr // not valid: not known
	End End        // behind which end of a tunnel it is
}

// A Learner is a Resolver that learns from packets that were received.
type Learner interface {
	// Learn hears that a packet from g has come in, through the tunnel from g.End.
	Learn(g Guest)
}

// A Grouper is a Resolver that knows beforehand to which IP multicast groups packets go, in whatever network: this host has to
// listen to them as well. Groups in answers need no Grouper.
type Grouper interface {
	// Groups returns them. They stay the same.
	Groups() []netip.Addr
}

// An Announcer is a Resolver, or an Invalidator, that tells other hosts of guests here.
type Announcer interface {
	// Announce says that g is here, its End being how others reach it.
	Announce(g Guest)
	// Withdraw says that g is not here any more.
	Withdraw(g Guest)
}

// A Shooter is a Resolver, or an Invalidator, that can tell another host that a guest is not here
// (SHOOTDOWN).
type Shooter interface {
	// Shoot tells the host at to, which has sent a packet for the Ethernet address that q is about, that the
	// guest is not at self, an address of this host. It must not block; that it arrives is not certain.
	Shoot(q Question, self, to netip.Addr)
}

// An Ager is a Resolver or Invalidator that wants to know that time passes.
type Ager interface {
	// Tick is called as soon as Start has returned, before any other method, and some times a second from then on. now is in ns, on
	// the clock of the Directory, which may have begun long ago.
	Tick(now int64)
}
