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
	for key, text := range p.want {
		p.dirty[key] = text
	}
}

// settle notes that etcd has what was announced.
func (p *publisher) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = nil
}

// A change is one key to be set, or to be deleted if it has a value.
type change struct {
	key, text string
	gone      bool
}

// take takes some of what is to be changed.
func (p *publisher) take() (list []change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, text := range p.dirty {
		c := change{key: key, text: text}
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
			p.dirty[c.key] = c.text
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
			puts = append(puts, clientv3.OpPut(c.key, c.text, clientv3.WithLease(lease)))
			continue
		}
		same := clientv3.Compare(clientv3.Value(c.key), "=", c.text)
		if _, err := p.client.Txn(ctx).If(same).Then(clientv3.OpDelete(c.key)).Commit(); err != nil {
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
