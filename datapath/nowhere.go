package datapath

import (
	"time"

	"github.com/culvertdev/culvert/datapath/upcall"
)

// Every bridge has a datapath port that is none: packets which its table sends, and which came in by no port,
// are looked up with it when they are taken up again. It has no device, no number and no name, is in no
// list, and its id is beyond those of ports.

// addNowhere makes the port of packets from nowhere of a bridge. s.mu is held.
func (s *Switch) addNowhere(br *bridge) {
	taken := make(map[uint32]bool)
	for _, other := range s.nowhere {
		taken[other.id] = true
	}
	id := maxPortID + lowestFree(func(n uint32) bool { return taken[maxPortID+n] })
	br.nowhere = s.newPort(id, br, 0, PortConfig{})
	s.slow.Locked(func() { s.flows.ForgetPort(id) }) // no part of the cache is kept for it
	s.nowhere = append(s.nowhere, br.nowhere)
	s.setQueues()
}

// leftNowhere returns the ports whose bridges have gone. s.mu is held.
func (s *Switch) leftNowhere() (left []*port) {
	for _, p := range s.nowhere {
		if s.bridges[p.bridge.name] != p.bridge {
			left = append(left, p)
		}
	}
	return left
}

// removeNowhere removes such a port when its bridge has gone; s.mu is not held.
func (s *Switch) removeNowhere(p *port) {
	s.drain(p)
	s.mu.Lock()
	for i, other := range s.nowhere {
		if other == p {
			s.nowhere = append(s.nowhere[:i:i], s.nowhere[i+1:]...)
			break
		}
	}
	s.setQueues()
	s.publishTables()
	s.mu.Unlock()
	s.Sync()
}

// drain waits for the packets of a port that are on their way to the slow path; no worker knows the port when it
// returns, and they find it gone.
func (s *Switch) drain(p *port) {
	for i, w := range s.pipes {
		s.onWorker(i, func() { w.setPort(p.id, nil) })
	}
	for i := range s.pipes {
		for !s.drained(i, p.views[i].up) {
			s.slow.Kick()
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// drained reports whether a worker's queue is empty. The worker is asked between two poll cycles: in one it may have requests
// in hand that it puts back.
func (s *Switch) drained(worker int, q *upcall.Queue) (empty bool) {
	s.onWorker(worker, func() { empty = q.Requests.Empty() && q.Sent.Empty() })
	return empty
}
