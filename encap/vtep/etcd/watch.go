package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/connectivity"
)

var (
	errGone = errors.New("etcd is not connected")
	errBack = errors.New("etcd was gone, and is read anew")
)

// watch follows changes after a revision, until the watch ends.
func (d *directory) watch(ctx context.Context, revision int64) error {
	ctx, cancel := context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	guarded := make(chan struct{})
	go func() {
		defer close(guarded)
		d.guard(ctx, cancel)
	}()
	defer func() {
		cancel(nil)
		<-guarded
	}()
	for r := range d.client.Watch(ctx, d.keys.prefix, clientv3.WithPrefix(), clientv3.WithRev(revision+1)) {
		if err := r.Err(); err != nil {
			return err
		}
		d.apply(r.Events)
	}
	return fmt.Errorf("the watch has ended: %w", cmp.Or(context.Cause(ctx), context.Canceled))
}

// guard notes when etcd is gone, of which a watch says nothing, and ends the watch when it is back: an etcd
// that lost what it had would be watched in silence for a revision that may never come.
func (d *directory) guard(ctx context.Context, end context.CancelCauseFunc) {
	conn := d.client.ActiveConnection()
	state := connectivity.Ready
	for state == connectivity.Ready {
		if !conn.WaitForStateChange(ctx, state) {
			return
		}
		state = conn.GetState()
	}
	d.fail(errGone)
	for state != connectivity.Ready {
		if !conn.WaitForStateChange(ctx, state) {
			return
		}
		state = conn.GetState()
	}
	end(errBack)
}
