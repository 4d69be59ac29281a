package pmd

import "time"

// settleTime is how long a queue that changes workers waits at most: a packet that does not come back from the slow path by then is not
// worth what the queue would lose meanwhile.
const settleTime = 5 * time.Millisecond

// settleAgain is the time between two looks.
const settleAgain = 20 * time.Microsecond

// settled waits until worker from has nothing left of a port, and worker to has taken over what others gave it. It reports false if that
// takes too long.
func settled(from, to *Worker, port uint32, patience time.Duration) bool {
	end := time.Now().Add(patience)
	return until(end, from, func(s Settler) bool { return s.Settled(port) }) && until(end, to, Settler.TakeOver)
}

// until asks a worker's processor between two cycles until it says yes, or the end has come. One that is no Settler has nothing to say, and
// one that does not run keeps what it has.
func until(end time.Time, w *Worker, ask func(Settler) bool) (yes bool) {
	s, ok := w.proc.(Settler)
	if !ok || !w.runs() {
		return true
	}
	for {
		w.Do(func() { yes = ask(s) })
		if yes || !time.Now().Before(end) {
			return yes
		}
		time.Sleep(settleAgain)
	}
}
