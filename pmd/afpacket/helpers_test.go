package afpacket

import (
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// newPool returns a pool of n buffers that is checked for leaks when the test ends.
func newPool(t testing.TB, n int) *frame.Pool {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: n, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}
