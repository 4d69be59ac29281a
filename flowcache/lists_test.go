package flowcache

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

func mustIntern(t *testing.T, l *Lists, words ...uint64) ListID {
	t.Helper()
	id, err := l.Intern(words)
	if err != nil {
		t.Fatalf("Intern of %d words: %v", len(words), err)
	}
	return id
}

func TestLists(t *testing.T) {
	t.Run("the same content has the same name until the last reference goes", func(t *testing.T) {
		l := NewLists(1024)
		a, b := mustIntern(t, l, 1, 2, 3, 4), mustIntern(t, l, 1, 2, 3, 4)
		if a != b || a == 0 {
			t.Fatalf("names %d and %d, want one that is not 0", a, b)
		}
		if c := mustIntern(t, l, 1, 2, 3); c == a {
			t.Error("a prefix has the same name")
		}
		l.Release(a)
		if got := l.Get(b); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
			t.Errorf("after one of two releases the list is %v", got)
		}
		if l.Len() != 2 {
			t.Errorf("Len() = %d, want 2", l.Len())
		}
	})
	t.Run("the empty list is 0 and needs no reference", func(t *testing.T) {
		l := NewLists(16)
		if id := mustIntern(t, l); id != 0 || len(l.Get(0)) != 0 {
			t.Errorf("the empty list is %d, %v", id, l.Get(0))
		}
		l.Release(0)
		l.Retain(0)
	})
	t.Run("appending to a list does not reach its neighbour", func(t *testing.T) {
		l := NewLists(64)
		id := mustIntern(t, l, 7)
		if got := l.Get(id); cap(got) != 1 {
			t.Errorf("cap = %d, want 1", cap(got))
		}
	})
	t.Run("storage is used again only after a grace period", func(t *testing.T) {
		l := NewLists(4)
		p := l.Epochs().Register()
		var ids []ListID
		for n := uint64(1); ; n++ {
			id, err := l.Intern([]uint64{n})
			if errors.Is(err, ErrLists) {
				break
			}
			ids = append(ids, id)
		}
		want := slices.Clone(l.Get(ids[0]))
		l.Release(ids[0])
		if _, err := l.Intern([]uint64{999}); !errors.Is(err, ErrLists) {
			t.Fatalf("Intern before the tick: %v, want %v", err, ErrLists)
		}
		if got := l.Get(ids[0]); !slices.Equal(got, want) {
			t.Errorf("the released list changed to %v before the tick", got)
		}
		p.Tick()
		if id := mustIntern(t, l, 999); id != ids[0] {
			t.Errorf("Intern after the tick took %d, want %d", id, ids[0])
		}
	})
	t.Run("a list that is too long is refused", func(t *testing.T) {
		l := NewLists(4 * MaxList)
		if _, err := l.Intern(make([]uint64, MaxList+1)); !errors.Is(err, ErrListLong) {
			t.Errorf("got %v, want %v", err, ErrListLong)
		}
		id := mustIntern(t, l, make([]uint64, MaxList)...)
		if n := len(l.Get(id)); n != MaxList {
			t.Errorf("the longest list has %d words, want %d", n, MaxList)
		}
	})
	t.Run("releasing once too often is a broken invariant", func(t *testing.T) {
		l := NewLists(16)
		id := mustIntern(t, l, 1)
		l.Release(id)
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		l.Release(id)
	})
}

// TestListsKeepTheirContent holds Lists against a map under random traffic, and shows at the end that
// all storage comes back in one piece.
func TestListsKeepTheirContent(t *testing.T) {
	l := NewLists(1 << 14)
	r := rand.New(rand.NewPCG(3, 4))
	type ref struct {
		id   ListID
		want []uint64
	}
	var refs []ref
	full := 0
	for step := range 20000 {
		if r.UintN(100) < 55 {
			want := make([]uint64, r.IntN(1<<r.UintN(9)))
			for i := range want {
				want[i] = r.Uint64N(3)
			}
			id, err := l.Intern(want)
			if errors.Is(err, ErrLists) {
				full++
				continue
			}
			refs = append(refs, ref{id, want})
		} else if len(refs) > 0 {
			i := r.IntN(len(refs))
			if got := l.Get(refs[i].id); !slices.Equal(got, refs[i].want) {
				t.Fatalf("step %d: list %d is %v, want %v", step, refs[i].id, got, refs[i].want)
			}
			l.Release(refs[i].id)
			refs = slices.Delete(refs, i, i+1)
		}
	}
	if full == 0 {
		t.Error("storage never ran full: the test is too small")
	}
	for _, ref := range refs {
		l.Release(ref.id)
	}
	l.Reclaim()
	if l.Len() != 0 {
		t.Errorf("Len() = %d after all releases", l.Len())
	}
	// The second half of the range is again one block of the highest order.
	if _, ok := l.blocks.alloc(l.blocks.top); !ok {
		t.Error("freed blocks were not joined")
	}
}
