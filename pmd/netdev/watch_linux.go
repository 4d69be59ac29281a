package netdev

import (
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

// lookAgain is how often a device is looked at without being told to: not every change is announced to
// everyone (a detached program, the number of channels on some kernels), and a message that the kernel
// had no room to send costs that much time.
const lookAgain = time.Second

// A Watcher calls a function whenever it is time to look at a device.
//
// Thread-safety: Close is safe for concurrent use.
type Watcher struct {
	index int
	look  func() (done bool)
	quit  chan struct{}
	once  sync.Once
	work  sync.WaitGroup
}

// Watch calls look at once, after each announcement of the kernel's about the device with that index, and
// once a second, from one goroutine, until look returns true or the Watcher is closed. An announcement only
// says that it is time to look; what counts is the state as read then. The thread must be in the
// device's network namespace.
func Watch(index int, look func() (done bool)) (*Watcher, error) {
	w := &Watcher{index: index, look: look, quit: make(chan struct{})}
	updates := make(chan netlink.LinkUpdate)
	if err := netlink.LinkSubscribeWithOptions(updates, w.quit, netlink.LinkSubscribeOptions{}); err != nil {
		close(w.quit)
		return nil, fmt.Errorf("subscribe to link changes: %w", err)
	}
	w.work.Go(func() { w.run(updates) })
	return w, nil
}

func (w *Watcher) run(updates <-chan netlink.LinkUpdate) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for !w.look() {
		if !w.wait(&updates, tick.C) {
			break
		}
	}
	// The subscription's sender blocks until somebody takes what it has. It ends when Close makes it close
	// its socket.
	for w.wait(&updates, nil) {
	}
	if updates != nil {
		for range updates {
		}
	}
}

// wait returns true when it is time to look, false once the Watcher is closed. It sets updates to nil when
// the subscription has ended by an error of its socket's: from then on there is only the tick.
func (w *Watcher) wait(updates *<-chan netlink.LinkUpdate, tick <-chan time.Time) (open bool) {
	for {
		select {
		case <-w.quit:
			return false
		case u, ok := <-*updates:
			if !ok {
				*updates = nil
			} else if int(u.Index) == w.index {
				return true
			}
		case <-tick:
			return true
		}
	}
}

// Close ends the watch and waits for a call of look to return. It is idempotent.
func (w *Watcher) Close() {
	w.once.Do(func() { close(w.quit) })
	w.work.Wait()
}
