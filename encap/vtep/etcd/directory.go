package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	callTime = 3 * time.Second        // for etcd to answer
	again    = 500 * time.Millisecond // after something failed
	page     = 1000                   // keys read at a time
)

// A table is what is in etcd.
type table struct {
	guests map[vtep.Question]vtep.Answer
	ends   map[uint32]map[netip.Addr]vtep.End // those that have guests, by VNI
}

func newTable() *table {
	return &table{guests: make(map[vtep.Question]vtep.Answer), ends: make(map[uint32]map[netip.Addr]vtep.End)}
}

// set changes one key; without an answer it is gone.
func (t *table) set(p place, a vtep.Answer) {
	switch {
	case p.q.Kind == vtep.Flood && a.None():
		delete(t.ends[p.q.VNI], p.end)
		if len(t.ends[p.q.VNI]) == 0 {
			delete(t.ends, p.q.VNI)
		}
	case p.q.Kind == vtep.Flood:
		if t.ends[p.q.VNI] == nil {
			t.ends[p.q.VNI] = make(map[netip.Addr]vtep.End)
		}
		t.ends[p.q.VNI][p.end] = a.Ends[0]
	case a.None():
		delete(t.guests, p.q)
	default:
		t.guests[p.q] = a
	}
}

// long returns how many VNIs have more ends than an answer may have.
func (t *table) long() (n int) {
	for _, ends := range t.ends {
		if len(ends) > vtep.MaxEnds {
			n++
		}
	}
	return n
}

// find returns the answer to q. Of more ends than an answer may have it has the first by address.
func (t *table) find(q vtep.Question) (a vtep.Answer) {
	if q.Kind != vtep.Flood {
		return t.guests[q]
	}
	a.Ends = slices.SortedFunc(maps.Values(t.ends[q.VNI]), func(x, y vtep.End) int {
		return cmp.Or(x.Addr.Compare(y.Addr), cmp.Compare(x.Port, y.Port))
	})
	a.Ends = a.Ends[:min(len(a.Ends), vtep.MaxEnds)]
	return a
}

// A directory is a copy of what is in etcd, kept up to date by a watch. It answers from the copy, so that an
// etcd that is gone stops nobody.
//
// Thread-safety: all methods may be called at the same time.
type directory struct {
	client *clientv3.Client
	keys   keys
	log    *slog.Logger

	mu       sync.Mutex
	table    *table // nil: not read yet
	up       bool
	err      error // why not
	wrong    int   // keys that say nothing sensible
	sessions map[*session]struct{}
}

func newDirectory(c *clientv3.Client, k keys, log *slog.Logger) *directory {
	return &directory{client: c, keys: k, log: log, sessions: make(map[*session]struct{}),
		err: fmt.Errorf("etcd has not answered yet")}
}

// follow keeps the copy up to date until ctx is done.
func (d *directory) follow(ctx context.Context) {
	for ctx.Err() == nil {
		revision, err := d.load(ctx)
		if err == nil {
			err = d.watch(ctx, revision)
		}
		if ctx.Err() != nil {
			return
		}
		d.fail(err)
		wait(ctx, again)
	}
}

// wait waits for a time, or until ctx is done.
func wait(ctx context.Context, t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// fail notes that etcd cannot be followed.
func (d *directory) fail(err error) {
	d.mu.Lock()
	was := d.up
	d.up, d.err = false, err
	d.mu.Unlock()
	if was {
		d.log.Warn("etcd is lost; what is known goes on", "err", err)
	}
}

// load reads everything at one revision, and tells the sessions what is different now.
func (d *directory) load(ctx context.Context) (revision int64, err error) {
	next := newTable()
	from, end := d.keys.prefix, clientv3.GetPrefixRangeEnd(d.keys.prefix)
	wrong := 0
	for more := true; more; {
		call, cancel := context.WithTimeout(ctx, callTime)
		r, err := d.client.Get(call, from, clientv3.WithRange(end), clientv3.WithLimit(page), clientv3.WithRev(revision))
		cancel()
		if err != nil {
			return 0, err
		}
		revision, more = cmp.Or(revision, r.Header.Revision), r.More
		for _, kv := range r.Kvs {
			if _, ok := d.read(next, string(kv.Key), kv.Value); !ok {
				wrong++
			}
			from = string(kv.Key) + "\x00"
		}
	}
	d.replace(next, wrong)
	return revision, nil
}

// read puts a key into t, and returns the question whose answer that is. ok is false for one that says
// nothing sensible, which is then not there.
func (d *directory) read(t *table, key string, text []byte) (q vtep.Question, ok bool) {
	p, err := d.keys.parse(key)
	if err != nil {
		return q, false
	}
	var a vtep.Answer
	if text != nil {
		if a, err = decode(p, text); err != nil {
			a = vtep.Answer{}
		}
	}
	t.set(p, a)
	return p.q, err == nil
}

// replace takes another table for the one there is.
func (d *directory) replace(next *table, wrong int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.up
	d.table, d.up, d.err, d.wrong = next, true, nil, wrong
	if !was {
		d.log.Info("etcd is followed", "guests", len(next.guests), "wrong", wrong)
	}
	for s := range d.sessions {
		s.reload()
	}
}

// apply makes changes, and tells the sessions that have asked.
func (d *directory) apply(events []*clientv3.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range events {
		text := e.Kv.Value
		if e.Type == clientv3.EventTypeDelete {
			text = nil
		}
		q, ok := d.read(d.table, string(e.Kv.Key), text)
		if !ok {
			d.wrong++
		}
		for s := range d.sessions {
			s.changed(q)
			if text == nil {
				s.pub.lost(string(e.Kv.Key))
			}
		}
	}
}

// status says how the directory is.
func (d *directory) status() vtep.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.table == nil {
		return vtep.Status{Text: d.err.Error()}
	}
	s := vtep.Status{Up: d.up, Text: fmt.Sprintf("%d guests and addresses", len(d.table.guests))}
	if d.wrong > 0 {
		s.Text += fmt.Sprintf(", %d keys that say nothing sensible", d.wrong)
	}
	if n := d.table.long(); n > 0 {
		s.Text += fmt.Sprintf(", %d networks with more than %d ends, of which the others get nothing that goes to all", n, vtep.MaxEnds)
	}
	if d.err != nil {
		s.Text += ", not up to date: " + d.err.Error()
	}
	return s
}
