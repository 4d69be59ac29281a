// Package flowtest makes flow keys for tests of what decides by them.
package flowtest

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// Key returns the key that the datapath makes of a packet that comes in by a port, with so many VLAN tags in it. The pool
// lends a buffer meanwhile.
func Key(tb testing.TB, pool *frame.Pool, vlanLimit int, port uint32, pkt []byte) *flow.Key {
	tb.Helper()
	cache, err := pool.NewCache()
	if err != nil {
		tb.Fatal(err)
	}
	defer cache.Close()
	f, ok := cache.FromBytes(pkt)
	if !ok {
		tb.Fatal("no frame")
	}
	defer cache.Put(f)
	var b frame.Batch
	b.Append(f)
	var keys flow.Keys
	x := flow.Extractor{VLANLimit: vlanLimit}
	x.Extract(pool, port, 0, &b, &keys)
	k := new(flow.Key)
	keys.Key(0, k)
	return k
}
