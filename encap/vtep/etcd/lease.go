package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// maxChanges is the most keys that are changed at a time; a transaction of etcd's takes 128.
const maxChanges = 64

// hold gets a lease, puts everything under it, and keeps both until something fails.
func (p *publisher) hold(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, done := context.WithTimeout(ctx, callTime)
	lease, err := p.client.Grant(call, int64((p.life+time.Second-1)/time.Second))
	done()
	if err != nil {
		return fmt.Errorf("a lease: %w", err)
	}
	alive, err := p.client.KeepAlive(ctx, lease.ID)
	if err != nil {
		return fmt.Errorf("the lease: %w", err)
	}
	p.everything()
	for {
		for more := true; more; {
			if more, err = p.flush(ctx, lease.ID); err != nil {
				return err
			}
		}
		p.settle()
		select {
		case <-p.wake:
		case _, ok := <-alive:
			if !ok {
				return errors.New("the lease is lost")
			}
		}
	}
}

// everything marks all that is wanted as missing.
func (p *publisher) everything() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.want {
		p.again(key)
	}
}

// settle notes that etcd has what was announced.
func (p *publisher) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = nil
}

// A change is one key to be set, or to be deleted if it says something.
type change struct {
	key string
	mark
	gone bool
}

// take takes some of what is to be changed.
func (p *publisher) take() (list []change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, m := range p.dirty {
		c := change{key: key, mark: m}
		if now, ok := p.want[key]; ok {
			c.text = now
		} else {
			c.gone = true
		}
		delete(p.dirty, key)
		if list = append(list, c); len(list) == maxChanges {
			break
		}
	}
	return list
}

// putBack puts back what could not be changed, unless it is to be changed otherwise by now.
func (p *publisher) putBack(list []change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range list {
		if _, ok := p.dirty[c.key]; !ok {
			p.dirty[c.key] = c.mark
		}
	}
}

// flush changes some of what is to be changed in etcd. more: there may be more to do.
func (p *publisher) flush(ctx context.Context, lease clientv3.LeaseID) (more bool, err error) {
	list := p.take()
	if len(list) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var puts []clientv3.Op
	for _, c := range list {
		if !c.gone {
			puts = append(puts, c.put(lease))
			continue
		}
		if err := p.remove(ctx, c, lease); err != nil {
			p.putBack(list)
			return false, err
		}
	}
	if len(puts) == 0 {
		return true, nil
	}
	if _, err := p.client.Txn(ctx).Then(puts...).Commit(); err != nil {
		p.putBack(list)
		return false, err
	}
	return true, nil
}

// put returns what sets the key: where that is done anew, if nobody has set it to something else since.
func (c *change) put(lease clientv3.LeaseID) clientv3.Op {
	put := clientv3.OpPut(c.key, c.text, clientv3.WithLease(lease))
	if !c.anew {
		return put
	}
	missing := clientv3.Compare(clientv3.CreateRevision(c.key), "=", 0)
	same := clientv3.Compare(clientv3.Value(c.key), "=", c.text)
	return clientv3.OpTxn([]clientv3.Cmp{missing}, []clientv3.Op{put},
		[]clientv3.Op{clientv3.OpTxn([]clientv3.Cmp{same}, []clientv3.Op{put}, nil)})
}

// remove deletes the key if it says what c does, in whatever words, or is under the lease: then it says what was wanted once
// and has not been since.
func (p *publisher) remove(ctx context.Context, c change, lease clientv3.LeaseID) error {
	same := clientv3.Compare(clientv3.Value(c.key), "=", c.text)
	gone := clientv3.OpDelete(c.key)
	r, err := p.client.Txn(ctx).If(same).Then(gone).Else(clientv3.OpGet(c.key)).Commit()
	if err != nil || r.Succeeded {
		return err
	}
	for _, kv := range r.Responses[0].GetResponseRange().Kvs {
		if kv.Lease != int64(lease) && !p.keys.alike(c.key, []byte(c.text), kv.Value) {
			continue
		}
		untouched := clientv3.Compare(clientv3.ModRevision(c.key), "=", kv.ModRevision)
		if _, err := p.client.Txn(ctx).If(untouched).Then(gone).Commit(); err != nil {
			return err
		}
	}
	return nil
}
