package main

import (
	"context"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A publisher keeps in etcd what a switch has announced, under a lease of its own. What is to be there is
// its state, not a list of things to do: whatever fails is done again, and after an outage everything is.
type publisher struct {
	client *clientv3.Client
	keys   keys
	life   time.Duration
	wake   chan struct{}

	mu    sync.Mutex
	want  map[string]string // value by key
	uses  map[string]int    // of end keys: guests there
	guest map[vtep.Question]vtep.Guest
	dirty map[string]mark // keys to be set, or deleted
	err   error           // why etcd does not have it
}

// A mark says how a key is to be changed.
type mark struct {
	text string // a key that is not wanted is deleted if it says this
	anew bool   // one that is wanted was written before: what another host has said since then stands
}

func newPublisher(c *clientv3.Client, k keys, life time.Duration) *publisher {
	return &publisher{client: c, keys: k, life: life, wake: make(chan struct{}, 1), want: make(map[string]string),
		uses: make(map[string]int), guest: make(map[vtep.Question]vtep.Guest), dirty: make(map[string]mark)}
}

// announce says that g is here. What is said again is written again: another host may have said otherwise meanwhile.
func (p *publisher) announce(g vtep.Guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range questions(g) {
		p.drop(q)
		p.guest[q] = g
		p.set(p.keys.of(q), encode(q, g))
		if q.Kind == vtep.ByMAC {
			end := p.keys.ofEnd(g.VNI, g.End.Addr)
			p.uses[end]++
			p.set(end, encode(vtep.ForFlood(g.VNI), g))
		}
	}
	p.poke()
}

// withdraw says that g is not here any more.
func (p *publisher) withdraw(g vtep.Guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range questions(g) {
		if p.guest[q].MAC == g.MAC { // its address may be another guest's by now
			p.drop(q)
		}
	}
	p.poke()
}

// questions returns what g is the answer to.
func questions(g vtep.Guest) []vtep.Question {
	list := []vtep.Question{vtep.ForMAC(g.VNI, g.MAC)}
	if list[0].Kind != vtep.ByMAC {
		return nil
	}
	if g.IP.IsValid() {
		list = append(list, vtep.ForIP(g.VNI, g.IP))
	}
	return list
}

// drop takes back the answer to q, if it was given. The lock is held.
func (p *publisher) drop(q vtep.Question) {
	g, ok := p.guest[q]
	if !ok {
		return
	}
	delete(p.guest, q)
	p.unset(p.keys.of(q))
	if q.Kind != vtep.ByMAC {
		return
	}
	end := p.keys.ofEnd(g.VNI, g.End.Addr)
	if p.uses[end]--; p.uses[end] == 0 {
		delete(p.uses, end)
		p.unset(end)
	}
}

// set wants a key to have a value. The lock is held.
func (p *publisher) set(key, text string) {
	p.want[key] = text
	p.dirty[key] = mark{text: text}
}

// unset wants a key to go that has the value it was set to: it may be another host's by now. The lock is held.
func (p *publisher) unset(key string) {
	p.dirty[key] = mark{text: p.want[key]}
	delete(p.want, key)
}

// lost hears that a key is not in etcd any more. One that is wanted is set again: another host has said otherwise for a while,
// and has nothing to say any more.
func (p *publisher) lost(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again(key)
	p.poke()
}

// again wants a key written again as it is wanted, unless it is still to be written. The lock is held.
func (p *publisher) again(key string) {
	text, wanted := p.want[key]
	if _, ok := p.dirty[key]; wanted && !ok {
		p.dirty[key] = mark{text: text, anew: true}
	}
}

// disown wants the key of q to go if it still says a and q was not announced here.
func (p *publisher) disown(q vtep.Question, a vtep.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.keys.of(q)
	if _, ok := p.want[key]; ok {
		return
	}
	p.dirty[key] = mark{text: encode(q, vtep.Guest{VNI: q.VNI, MAC: a.MAC, End: a.Ends[0]})}
	p.poke()
}

func (p *publisher) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// fault returns why etcd does not have what was announced, or nil.
func (p *publisher) fault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// run keeps etcd as it is wanted until ctx is done.
func (p *publisher) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.hold(ctx)
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		wait(ctx, again)
	}
}
