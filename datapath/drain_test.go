package datapath

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/upcall"
)

// atOnce is byPort for workers.
type atOnce struct{ byPort }

func (t *atOnce) TryCredit([]uint64, uint64, uint64, int64) bool { return true }

// A worker that finds the flow cache in use puts back the requests that it took out of a queue. The queue is empty meanwhile.
func TestAPortGoesWhenNoWorkerHasRequestsOfItInHand(t *testing.T) {
	r := newServedRig(t, &atOnce{}, CacheConfig{Flows: 1 << 10, EMCInsert: -1}, ByWorkersAndThread)
	w, serve := r.w, r.w.serve
	r.receive(testPacket, 1)
	w.serve = func() int {
		if w.port(1) != nil { // the port is not going yet
			return 0
		}
		w.serve = serve
		return w.slow.Serve(w.lane, func(q *upcall.Queue, reqs []upcall.Request) int {
			time.Sleep(20 * time.Millisecond)
			q.Requests.PushN(reqs)
			return 0
		}, int64(time.Second))
	}
	if err := r.sw.group.Start(); err != nil {
		t.Fatal(err)
	}
	defer r.sw.group.Stop()
	if err := r.sw.DelPort("p1"); err != nil {
		t.Fatal(err)
	}
	r.sw.onWorker(0, func() {
		if w.waiting.Len() > 0 {
			t.Errorf("the port is gone, and %d of its flows wait for the slow path, with %d packets", w.waiting.Len(), w.waiting.Held())
		}
	})
}
