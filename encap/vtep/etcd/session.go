package main

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// maxAsked is how many questions a session remembers to tell of changes.
const maxAsked = 1 << 17

// A session is one switch that is connected: a vtep.Resolver for it.
type session struct {
	d       *directory
	pub     *publisher
	out     *outbox
	stop    context.CancelFunc
	ended   sync.WaitGroup
	started bool

	asked map[vtep.Question]struct{} // under the directory's lock
}

func newSession(d *directory, lease time.Duration) *session {
	return &session{d: d, pub: newPublisher(d.client, d.keys, lease), asked: make(map[vtep.Question]struct{})}
}

// Start implements vtep.Resolver.
func (s *session) Start(sink vtep.Sink) error {
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.started = stop, true
	s.out = newOutbox(sink)
	s.ended.Go(func() { s.out.run(ctx) })
	s.ended.Go(func() { s.pub.run(ctx) })
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.sessions[s] = struct{}{}
	return nil
}

// Close implements vtep.Resolver. What the switch has announced goes when its lease ends, so that a switch
// that is back before that is not missed.
func (s *session) Close() error {
	if !s.started {
		return nil
	}
	s.d.mu.Lock()
	delete(s.d.sessions, s)
	s.d.mu.Unlock()
	s.stop()
	s.ended.Wait()
	return nil
}

// Status implements vtep.Resolver.
func (s *session) Status() vtep.Status {
	status := s.d.status()
	if err := s.pub.fault(); err != nil {
		status.Up = false
		status.Text += ", guests here are not announced: " + err.Error()
	}
	return status
}

// Ask implements vtep.Resolver. Before etcd has been read once there is no answer.
func (s *session) Ask(q vtep.Question) error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.d.table == nil {
		return s.d.err
	}
	if len(s.asked) >= maxAsked {
		clear(s.asked)
		s.out.all()
	}
	s.asked[q] = struct{}{}
	s.out.put(q, s.d.table.find(q))
	return nil
}

// changed tells the switch what the answer to q is now, if it has asked. The directory's lock is held.
func (s *session) changed(q vtep.Question) {
	if _, ok := s.asked[q]; ok {
		s.out.put(q, s.d.table.find(q))
	}
}

// reload tells the switch all it has asked for: something may have been missed. The directory's lock is held.
func (s *session) reload() {
	for q := range s.asked {
		s.out.put(q, s.d.table.find(q))
	}
	s.out.recovered()
}

// Announce implements vtep.Announcer.
func (s *session) Announce(g vtep.Guest) { s.pub.announce(g) }

// Withdraw implements vtep.Announcer.
func (s *session) Withdraw(g vtep.Guest) { s.pub.withdraw(g) }

// Shoot implements vtep.Shooter: if etcd says that the guest is at self, which it is not, that is deleted. If
// it says something else, the sender hears of it by his own watch.
func (s *session) Shoot(q vtep.Question, self, _ netip.Addr) {
	s.d.mu.Lock()
	var a vtep.Answer
	if s.d.table != nil {
		a = s.d.table.find(q)
	}
	s.d.mu.Unlock()
	if a.Has(self) {
		s.pub.disown(q, a)
	}
}
