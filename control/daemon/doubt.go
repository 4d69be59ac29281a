package daemon

import (
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/vtep"
)

const (
	// doubtTime is how long a directory has to say that a guest is elsewhere until that is believed: what it says may be from
	// before it was told that the guest is here.
	doubtTime = 500 * time.Millisecond
	// maxBelieved is how often that time doubles for a guest that goes on sending here while the directory does not heed that.
	maxBelieved = 7
	// maxQuestions is how many guests here are asked about at each look, so that questions about others have their share.
	maxQuestions = 32
)

// Doubts are about guests that are here by what their bridges have learned, and elsewhere by what the directory says. Whoever
// sends unicast packets alone may be announced by another host without a word to this one, and come back to the port that it is
// still known at. A bridge that forgets it learns from its next packet, if there is one, and it is announced anew; so the last
// host that it has sent from has the last word, as with sequence numbers (RFC 7432 section 15).
type doubts struct {
	since   map[guest]int64 // ns: when the directory began to say so
	unasked map[guest]bool  // the directory does not tell of changes yet
}

func newDoubts() doubts { return doubts{since: make(map[guest]int64), unasked: make(map[guest]bool)} }

// trust ends doubts about a guest.
func (b *doubts) trust(who guest) {
	delete(b.since, who)
	delete(b.unasked, who)
}

// wonder has the directory tell where a guest is that was announced now, and whenever that changes.
func (g *guests) wonder(who guest, d *vtep.Directory, now int64) {
	if !d.Announces() {
		return
	}
	g.unasked[who] = true
	if _, doubted := g.since[who]; doubted {
		g.since[who] = now
	}
}

// askSome asks about some of those that were not asked about yet.
func (g *guests) askSome(d *vtep.Directory, now int64) {
	asked := 0
	for who := range g.unasked {
		if asked++; asked > maxQuestions {
			return
		}
		r := d.Ask(who.question(), true)
		if r.State == vtep.Refused {
			return
		}
		delete(g.unasked, who)
		g.hear(who, r, now)
	}
}

// changed hears that the directory's answers to some questions are others, or that all may be.
func (g *guests) changed(d *vtep.Directory, set *vtep.ChangeSet, now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !d.Announces() {
		return
	}
	if set.All {
		for who, s := range g.stays {
			if s.here {
				g.unasked[who] = true
				g.announced(who, s.ips[:s.told], d, now)
			}
		}
		return
	}
	for _, c := range set.Changes {
		if c.Question.Kind == vtep.ByIP {
			g.hearClaim(claim{c.Question.VNI, c.Question.IP()}, d.Ask(c.Question, false), now)
		}
		if c.Question.Kind != vtep.ByMAC {
			continue
		}
		who := guest{c.Question.VNI, c.Question.MAC()}
		if s := g.stays[who]; s != nil && s.here {
			g.hear(who, d.Ask(c.Question, false), now)
		}
	}
}

// hear notes what the directory says about a guest that is here.
func (g *guests) hear(who guest, r vtep.Result, now int64) {
	s := g.stays[who]
	_, doubted := g.since[who]
	switch {
	case s == nil || !s.here:
		g.trust(who)
	case s.elsewhere(r):
		s.known = true
		if !doubted {
			g.since[who] = now
		}
	case r.State == vtep.Known:
		s.known, s.believed = true, 0
		delete(g.since, who)
	case r.State == vtep.Unknown && s.known: // forgotten, or withdrawn as no good any more
		s.known = false
		g.unasked[who] = true
	}
}

// believed returns the guests that the directory has said for long enough to be elsewhere. One that is down does not hear that
// they are here, either.
func (g *guests) believed(d *vtep.Directory, now int64) (list []guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for who, since := range g.since {
		s := g.stays[who]
		if now-since >= int64(doubtTime)<<s.believed && d.Status().Look.Up {
			list = append(list, who)
			g.since[who] = now // should it be learned again, it is announced again, and this much time is given to that
			s.believed = min(s.believed+1, maxBelieved)
			g.news = true
		}
	}
	return list
}

// forgetMoved makes the bridges of tunnels forget where they have learned guests that are elsewhere.
func (d *Daemon) forgetMoved(asking []*tunnel.Port, bridges []*bridge) {
	for _, o := range d.overlays.list() {
		dir := o.directory()
		if dir == nil {
			continue
		}
		moved := o.guests.believed(dir, d.clock.Now())
		if len(moved) == 0 {
			continue
		}
		ports := d.portsByID()
		for _, t := range asking {
			c := t.Config()
			if c.Profile != o.config.Name || c.OutKey.From == tunnel.Flow {
				continue
			}
			for _, b := range bridges {
				b.forget(t.Name(), ports, func(e *fdb.Entry) bool { return slices.Contains(moved, guest{c.OutKey.ID, e.Key.MAC()}) })
			}
		}
	}
}

// forgetLeft is the same for guests of tunnels with a key by flow, which are announced by what they send into these: whose
// network an address on a port is of, its bridge does not know.
func (d *Daemon) forgetLeft(left []departure, profile string, asking []*tunnel.Port, bridges []*bridge) {
	if len(left) == 0 {
		return
	}
	ports := d.portsByID()
	for _, t := range asking {
		if c := t.Config(); c.Profile != profile || c.OutKey.From != tunnel.Flow {
			continue
		}
		for _, b := range bridges {
			b.forget(t.Name(), ports, func(e *fdb.Entry) bool { return slices.Contains(left, departure{e.Key.MAC(), e.Port}) })
		}
	}
}

// forget makes a bridge forget those who have gone of the guests that a port of its has to do with, unless somebody has said
// where they are or they were learned from a tunnel. A gateway asks its neighbours itself.
func (b *bridge) forget(port string, ports map[uint32]datapath.PortStatus, gone func(*fdb.Entry) bool) {
	if b.gateway != nil {
		return
	}
	for _, at := range ports {
		if at.Name != port || at.Bridge != b.name {
			continue
		}
		for _, e := range b.call().beside(&at) {
			p := ports[e.Port] // none: a bond
			if _, err := encap.ParseType(p.Config.Driver); err != nil && !e.Static && gone(&e) {
				b.table.DeleteAddress(e.Key)
			}
		}
	}
}
