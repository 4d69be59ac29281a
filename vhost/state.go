package vhost

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
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
	sessions uint64           // begun
	misses   uint64           // addresses that frontends were asked about
	taken    uint64           // times that a frontend has taken addresses back
	faults   map[fault]uint64 // sessions ended, by the guest's fault
}

// A fault is a kind of thing that ends a session: the name of its counter behind faultPrefix, and its sentence.
type fault struct{ name, help string }

const faultPrefix = "fault_"

// Faults that are not those of a ring, which virtq names.
var (
	faultMessage = fault{"message", "Sessions ended because of a message that was not as the protocol wants it."}
	faultMemory  = fault{"memory", "Sessions ended because the guest's memory was taken away."}
	faultHeader  = fault{"header", "Sessions ended because of a virtio-net header that cannot be true."}
	faultSilent  = fault{"silent", "Sessions ended because the frontend neither became the owner nor set features in time."}
	faultCall    = fault{"call", "Sessions ended because the frontend held up who told it of packets."}
)

// faultOf says what kind of fault ended a session; ok is false when the other side has just gone.
func faultOf(err error) (f fault, ok bool) {
	var ring *virtq.Error
	var memory *MemoryError
	switch {
	case errors.Is(err, errClosing), errors.Is(err, io.EOF):
		return f, false
	case errors.As(err, &ring):
		return fault{ring.Kind.String(), "Sessions ended because " + ring.Kind.Sentence() + "."}, true
	case errors.As(err, &memory):
		return faultMemory, true
	case errors.Is(err, ErrHeader):
		return faultHeader, true
	case errors.Is(err, errSilent):
		return faultSilent, true
	case errors.Is(err, errCallBlocks):
		return faultCall, true
	}
	return faultMessage, true
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
	s.peer, s.why, s.guest = "connected", "the guest's driver is not ready", nil
}

// ended says that it has ended, because of err.
func (s *state) ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer, s.why, s.guest = "", "the frontend has gone", nil
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
	if s.peer == "" {
		out = append(out, pmd.Note{Key: "frontend", Value: "none", Reason: s.why})
	} else if s.guest == nil {
		out = append(out, pmd.Note{Key: "frontend", Value: s.peer, Reason: s.why})
	}
	out = append(out, s.guest...)
	if s.last != (fault{}) {
		out = append(out, pmd.Note{Key: "last fault", Value: s.last.name, Reason: s.last.help})
	}
	return out
}

// samples appends what has happened to sessions: each fault there was, and what an IOMMU was about if there was one.
func (s *state) samples(dst []counter.Sample) []counter.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = append(dst, counter.Sample{
		Desc:  counter.Desc{Name: "sessions", Help: "Connections with a frontend, those that have ended included."},
		Value: s.sessions,
	})
	if s.misses > 0 || s.taken > 0 {
		dst = append(dst,
			counter.Sample{Desc: counter.Desc{Name: "iotlb_misses", Help: "Addresses behind the guest's IOMMU that the frontend was asked about."}, Value: s.misses},
			counter.Sample{Desc: counter.Desc{Name: "iotlb_invalidations", Help: "Times that the frontend has taken addresses behind the guest's IOMMU back."}, Value: s.taken})
	}
	for f, n := range s.faults {
		dst = append(dst, counter.Sample{Desc: counter.Desc{Name: faultPrefix + f.name, Help: f.help}, Value: n})
	}
	return dst
}

// words says what was negotiated, for people.
func words(f proto.Features, rings int) []pmd.Note {
	layout := "split"
	if f.Has(proto.RingPacked) {
		layout = "packed"
	}
	for _, o := range []struct {
		bit  proto.Features
		word string
	}{{proto.InOrder, "in order"}, {proto.IndirectDesc, "indirect"}, {proto.EventIdx, "event index"}, {proto.MrgRxbuf, "merged buffers"}, {proto.AccessPlatform, "behind an IOMMU"}} {
		if f.Has(o.bit) {
			layout += ", " + o.word
		}
	}
	offloads := strings.Join(offloadWords(f), ", ")
	if offloads == "" {
		offloads = "none"
	}
	return []pmd.Note{
		{Key: "rings", Value: fmt.Sprintf("%d, %s", rings, layout)},
		{Key: "offloads", Value: offloads},
	}
}

// offloadWords names the offloads in f, by the side that takes packets that are not finished.
func offloadWords(f proto.Features) (out []string) {
	for _, o := range []struct {
		bit  proto.Features
		word string
	}{
		{proto.Csum, "checksums from the guest"}, {proto.HostTSO4 | proto.HostTSO6, "segments from the guest"},
		{proto.HostUSO, "datagrams from the guest"},
		{proto.GuestCsum, "checksums to the guest"}, {proto.GuestTSO4 | proto.GuestTSO6, "segments to the guest"},
		{guestUSO, "datagrams to the guest"},
	} {
		if f&o.bit != 0 {
			out = append(out, o.word)
		}
	}
	return out
}
