package frame

import (
	"strings"
	"testing"
)

// newPool returns an audited pool on ordinary pages that is checked for leaks when the test ends.
func newPool(t testing.TB, o Options) *Pool {
	t.Helper()
	o.Huge, o.Audit = HugeNever, true
	p, err := NewPool(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// newCache returns a cache that is closed when the test ends.
func newCache(t testing.TB, p *Pool) *Cache {
	t.Helper()
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func mustGet(t testing.TB, c *Cache) Frame {
	t.Helper()
	f, ok := c.Get()
	if !ok {
		t.Fatal("the arena has no free buffer")
	}
	return f
}

// wantPanic runs fn, which must panic with a message that has want in it.
func wantPanic(t *testing.T, want string, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if msg, ok := recover().(string); !ok || !strings.Contains(msg, want) {
			t.Errorf("panic %q, want one with %q", msg, want)
		}
	}()
	fn()
}
