package datapath

import (
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/ring/frame"
)

// resolving is what a worker that serves the slow path itself needs for a batch of its requests.
type resolving struct {
	batch frame.Batch
	to    [frame.MaxBatch]upcall.Resolution
	held  [frame.MaxBatch]frame.List // what waits behind each packet
	depth [frame.MaxBatch]int        // and how often it was taken up again, at most
}

// resolve deals with requests of a queue of this worker, here and now: the packets go on as a batch, as if a cache
// had known them, and are followed by those that have waited behind them. It is an upcall.Taker.
func (w *pipeline) resolve(q *upcall.Queue, reqs []upcall.Request) (n int) {
	for n < len(reqs) {
		same := upcall.Alike(reqs[n:])
		same = same[:min(len(same), frame.MaxBatch)]
		done := w.resolveAlike(q.Port, same)
		n += done
		if done < len(same) {
			break
		}
	}
	if q.Requests.PushN(reqs[n:]) < len(reqs)-n {
		panic("datapath: no room for requests that were there before")
	}
	return n
}

// resolveAlike is resolve for a batch of one recirculation id.
func (w *pipeline) resolveAlike(port uint32, reqs []upcall.Request) (n int) {
	p, r := w.port(port), &w.resolving
	recirc, depth := reqs[0].Recirc, int(reqs[0].Depth)
	b := &r.batch
	for i := range reqs {
		b.Append(reqs[i].Frame)
	}
	w.x.Extract(w.pool, port, recirc, b, &w.keys)
	n = w.slow.Resolve(w.lane, port, b.Frames(), &w.keys, r.to[:])
	reqs = reqs[:n]
	for i := range reqs {
		r.held[i], r.depth[i] = w.waiting.Remove(reqs[i].Hash)
		if p != nil {
			p.sources.Remove(reqs[i].Source)
		}
	}
	w.clones.left = maxClones
	w.executeResolved(port, recirc, depth, b.Frames()[:n])
	w.slow.Dismiss(w.lane, r.to[:n])
	b.Reset()
	w.finishRecirc(depth, 0, b)
	for i := range reqs {
		w.release(port, recirc, r.depth[i], &r.held[i], b)
	}
	return n
}

// executeResolved is execute for packets that were resolved.
func (w *pipeline) executeResolved(port, recirc uint32, depth int, frames []frame.Frame) {
	to := w.resolving.to[:len(frames)]
	for i := 0; i < len(frames); {
		first, list := i, to[i].Actions
		for ; i < len(frames) && to[i].Actions == list; i++ {
			if s := to[i].Slot; s != 0 {
				w.flows.Credit(s, 1, uint64(w.pool.Total(frames[i])), w.now)
			}
		}
		w.run(w.lists.Get(list), run{
			port: port, recirc: recirc, depth: depth,
			frames: frames[first:i], l3: w.keys.L3[first:i], l4: w.keys.L4[first:i],
		})
	}
}

// release looks up packets that have waited behind one that has gone on. b is scratch.
func (w *pipeline) release(port, recirc uint32, depth int, held *frame.List, b *frame.Batch) {
	for held.Len() > 0 {
		for held.Len() > 0 && b.Room() > 0 {
			f, _ := held.Pop(w.pool)
			b.Append(f)
		}
		w.pass(port, recirc, depth, b)
		w.finishRecirc(depth, 0, b)
	}
}
