package vhost

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// A state is what people are told of a port's guest.
//
// Thread-safety: all methods are safe for concurrent use.
type state struct {
	mu       sync.Mutex
	way      pmd.Note
	peer     string           // who is at the other end, in words
	why      string           // there is nobody
	last     fault            // what ended a session last; zero: nothing has
	guest    []pmd.Note       // what was negotiated
	idle     bool             // the guest takes nothing: see idleness
	deaf     bool             // no session begins, for deafReason
	sessions uint64           // begun
	idled    uint64           // times that a guest began to take nothing
	moves    uint64           // times that a frontend began to have dirty pages logged
	misses   uint64           // addresses that frontends were asked about
	taken    uint64           // times that a frontend has taken addresses back
	faults   map[fault]uint64 // sessions ended, by the guest's fault
}

// begin says how the port finds its guest.
func (s *state) begin(o Options) {
	s.way = pmd.Note{Key: "socket", Value: o.Path}
	s.why = "nobody has connected yet"
	if !o.Server {
		s.why = "not connected yet"
	}
	s.faults = make(map[fault]uint64)
}

// waiting says that there is nobody at the other end, because of err; it reports whether that is news.
func (s *state) waiting(err error) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = s.why != err.Error()
	s.why = err.Error()
	return news
}

// connected says that a session begins.
func (s *state) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	s.peer, s.why, s.guest, s.idle = "connected", "the guest's driver is not ready", nil, false
}

// ended says that it has ended, because of err.
func (s *state) ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer, s.why, s.guest, s.idle = "", "the frontend has gone", nil, false
	if f, ok := faultOf(err); ok {
		s.faults[f]++
		s.last = f
		s.why = "the session ended: " + f.name
	}
}

// negotiated says what a session's guest uses.
func (s *state) negotiated(notes []pmd.Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guest = notes
	s.why = "the guest's driver is not ready"
}

// missed counts an address that the frontend is asked about, invalidated that it has taken some back.
func (s *state) missed()      { s.add(&s.misses) }
func (s *state) invalidated() { s.add(&s.taken) }

// moving counts that the frontend has dirty pages logged.
func (s *state) moving() { s.add(&s.moves) }

// setIdle says whether the guest takes nothing.
func (s *state) setIdle(idle bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle = idle; idle {
		s.idled++
	}
}

// deafReason is why a port has no session while its bin is full.
const deafReason = "whoever has files that frontends have sent does not let them go: a session begins when some are closed"

// setDeaf says whether nobody is listened to; it reports whether that is news.
func (s *state) setDeaf(deaf bool) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = s.deaf != deaf
	s.deaf = deaf
	return news
}

func (s *state) add(n *uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

// notes returns all of it.
func (s *state) notes() []pmd.Note {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []pmd.Note{s.way}
	if s.deaf {
		out = append(out, pmd.Note{Key: "frontend", Value: "not listened to", Reason: deafReason})
	} else if s.peer == "" {
		out = append(out, pmd.Note{Key: "frontend", Value: "none", Reason: s.why})
	} else if s.guest == nil {
		out = append(out, pmd.Note{Key: "frontend", Value: s.peer, Reason: s.why})
	}
	out = append(out, s.guest...)
	if s.idle {
		out = append(out, pmd.Note{Key: "guest", Value: "takes nothing", Reason: "packets were dropped and it has made no buffer available for " + idleAfter.String()})
	}
	if s.last != (fault{}) {
		out = append(out, pmd.Note{Key: "last fault", Value: s.last.name, Reason: s.last.help})
	}
	return out
}

// samples appends what has happened to sessions: each fault there was, and of other things those that have happened.
func (s *state) samples(dst []counter.Sample) []counter.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = append(dst, counter.Sample{
		Desc:  counter.Desc{Name: "sessions", Help: "Connections with a frontend, those that have ended included."},
		Value: s.sessions,
	})
	if s.idled > 0 {
		dst = append(dst, counter.Sample{Desc: counter.Desc{Name: "guest_idle", Help: "Times the link went down because the guest took nothing for a while though packets came for it."}, Value: s.idled})
	}
	if s.moves > 0 {
		dst = append(dst, counter.Sample{Desc: counter.Desc{Name: "migrations", Help: "Times the frontend began to have writes to the guest's memory logged, as live migration does."}, Value: s.moves})
	}
	if s.misses > 0 || s.taken > 0 {
		dst = append(dst,
			counter.Sample{Desc: counter.Desc{Name: "iotlb_misses", Help: "Addresses behind the guest's IOMMU that the frontend was asked about."}, Value: s.misses},
			counter.Sample{Desc: counter.Desc{Name: "iotlb_invalidations", Help: "Times that the frontend has taken addresses behind the guest's IOMMU back."}, Value: s.taken})
	}
	for _, f := range slices.SortedFunc(maps.Keys(s.faults), func(a, b fault) int { return strings.Compare(a.name, b.name) }) {
		dst = append(dst, counter.Sample{Desc: counter.Desc{Name: faultPrefix + f.name, Help: f.help, Kind: counter.Fault}, Value: s.faults[f]})
	}
	return dst
}
