//go:build integration

package main

import (
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestAGuestThatMovesAndGoesBeforeEtcdHearsLeavesNothing: what etcd has of it is from before it moved.
func TestAGuestThatMovesAndGoesBeforeEtcdHearsLeavesNothing(t *testing.T) {
	client := startEtcd(t).client()
	lease, err := client.Grant(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	p := newPublisher(client, names, time.Minute)
	flush := func() {
		t.Helper()
		for more := true; more; {
			if more, err = p.flush(t.Context(), lease.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	keys := func() int64 {
		t.Helper()
		r, err := client.Get(t.Context(), names.prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		return r.Count
	}
	p.announce(there)
	flush()
	if n := keys(); n != 3 {
		t.Fatalf("%d keys of a guest", n)
	}
	moved := there
	moved.End.Port++ // the host has another end by now
	p.announce(moved)
	p.withdraw(moved)
	flush()
	if n := keys(); n != 0 {
		t.Errorf("%d keys of nobody", n)
	}

	if _, err := client.Put(t.Context(), names.of(byMAC), encode(byMAC, moved)); err != nil { // another host's word
		t.Fatal(err)
	}
	p.announce(there)
	p.withdraw(there)
	flush()
	if n := keys(); n != 1 {
		t.Errorf("%d keys: want what another host has said", n)
	}
}
