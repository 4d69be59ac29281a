package upcall

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/ring/frame"
)

func TestActionsStayUntilTheWorkerHasRunThem(t *testing.T) {
	lists := flowcache.NewLists(1 << 16)
	const depth = 128
	l := NewLane(depth, func() {})
	next := uint64(0)
	answer := func() { // with a list that nothing else refers to
		next++
		id, err := lists.Intern([]uint64{next})
		if err != nil {
			t.Fatal(err)
		}
		l.push(Answer{}, id)
	}
	for range depth {
		answer()
	}
	// The worker has taken a batch, has dealt with all but the last, and has asked anew for as many.
	var taken [frame.MaxBatch]Answer
	n := l.Answers.PopN(taken[:])
	l.settle(lists)
	for range n {
		answer()
	}
	for i, a := range taken[:n] {
		if got := lists.Get(a.Actions); len(got) != 1 || got[0] != uint64(i+1) {
			t.Fatalf("answer %d has actions %v, want [%d]", i, got, i+1)
		}
	}
	if mark := l.Mark(); l.Answered(mark) || mark != next {
		t.Errorf("mark %d counts as answered: %v; want %d, not answered", mark, l.Answered(mark), next)
	}
	if lists.Len() != depth+n {
		t.Errorf("%d lists are kept, want %d", lists.Len(), depth+n)
	}
	l.Done(n)
	l.settle(lists)
	if lists.Len() != depth {
		t.Errorf("%d lists are kept after a batch was dealt with, want %d", lists.Len(), depth)
	}
	for n = l.Answers.PopN(taken[:]); n > 0; n = l.Answers.PopN(taken[:]) {
		l.Done(n)
	}
	l.settle(lists)
	if lists.Len() != 0 || !l.Answered(l.Mark()) {
		t.Errorf("%d lists are kept after all was dealt with, want none", lists.Len())
	}
}

func TestWaitingKeepsTheGreatestDepth(t *testing.T) {
	pool, err := frame.NewPool(frame.Options{Buffers: 64, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	w := NewWaiting(pool, 16, 16)
	w.Add(7, 3, new(int))
	for _, depth := range []int{1, 5, 2} {
		f, _ := cache.Get()
		w.Hold(7, f, depth)
	}
	list, depth := w.Remove(7)
	if depth != 5 || list.Len() != 3 {
		t.Errorf("depth %d and %d packets, want 5 and 3", depth, list.Len())
	}
	w.Add(7, 0, new(int))
	if _, depth := w.Remove(7); depth != 0 {
		t.Errorf("a key that comes again has depth %d, want 0", depth)
	}
	for f, ok := list.Pop(pool); ok; f, ok = list.Pop(pool) {
		cache.Put(f)
	}
	cache.Close()
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}
