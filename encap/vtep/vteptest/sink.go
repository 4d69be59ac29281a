// Package vteptest is the slow path's side of a look-up plug-in, for tests of plug-ins.
package vteptest

import (
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// Patience is how long tests wait for what has to come.
const Patience = 30 * time.Second

// A Sink notes what a plug-in says.
//
// Thread-safety: all methods may be called at the same time.
type Sink struct {
	mu        sync.Mutex
	answers   map[vtep.Question]vtep.Answer
	scopes    []vtep.Scope
	recovered int
	changed   chan struct{} // closed and replaced when something was said
}

// NewSink returns a Sink to which nothing was said yet.
func NewSink() *Sink {
	return &Sink{answers: make(map[vtep.Question]vtep.Answer), changed: make(chan struct{})}
}

// Answer implements vtep.Sink.
func (s *Sink) Answer(q vtep.Question, a vtep.Answer) {
	s.say(func() { s.answers[q] = a })
}

// Invalidate implements vtep.Sink.
func (s *Sink) Invalidate(c vtep.Scope) {
	s.say(func() { s.scopes = append(s.scopes, c) })
}

// Recovered implements vtep.Sink.
func (s *Sink) Recovered() {
	s.say(func() { s.recovered++ })
}

func (s *Sink) say(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Got returns the last answer to q since it was last forgotten.
func (s *Sink) Got(q vtep.Question) (vtep.Answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.answers[q]
	return a, ok
}

// Forget forgets the answer to q.
func (s *Sink) Forget(q vtep.Question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.answers, q)
}

// Scopes returns the invalidations since the last call.
func (s *Sink) Scopes() []vtep.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.scopes
	s.scopes = nil
	return list
}

// Recoveries returns how often the plug-in has recovered.
func (s *Sink) Recoveries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recovered
}

// Until waits until cond holds, which is looked at whenever the plug-in says something.
func (s *Sink) Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(Patience)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// WaitFor waits for an answer to q.
func (s *Sink) WaitFor(t testing.TB, q vtep.Question) vtep.Answer {
	t.Helper()
	s.Until(t, "an answer to "+q.String(), func() bool { _, ok := s.Got(q); return ok })
	a, _ := s.Got(q)
	return a
}
