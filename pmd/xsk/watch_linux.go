package xsk

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

// lookAgain is how often the device is looked at without being told to: not everything that stops a
// port is announced to everyone (a detached program, the number of channels on some kernels).
const lookAgain = time.Second

// A watcher follows the device of a port. A message on the netlink socket only says that it is time
// to look; what counts is the device's state as read then, so that a lost message costs a second at
// most.
type watcher struct {
	port   *Port
	opened deviceState // as the port knows it
	quit   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
}

// newWatcher starts to watch. The thread must be in the device's network namespace.
func newWatcher(p *Port, opened deviceState) (*watcher, error) {
	w := &watcher{port: p, opened: opened, quit: make(chan struct{})}
	w.opened.program = uint32(p.steer.id)
	updates := make(chan netlink.LinkUpdate)
	err := netlink.LinkSubscribeWithOptions(updates, w.quit, netlink.LinkSubscribeOptions{})
	if err != nil {
		return nil, fmt.Errorf("subscribe to link changes: %w", err)
	}
	w.wg.Go(func() { w.run(updates) })
	return w, nil
}

func (w *watcher) run(updates <-chan netlink.LinkUpdate) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		w.look()
		for mine := false; !mine; {
			select {
			case <-w.quit:
				w.drain(updates)
				return
			case u, ok := <-updates:
				if !ok {
					updates = nil // the subscription has ended, by close or by an error of the socket's
				}
				mine = ok && u.Index == int32(w.port.dev.index)
			case <-tick.C:
				mine = true
			}
		}
	}
}

// drain waits until the subscription has ended: its sender blocks until somebody takes what it has.
func (w *watcher) drain(updates <-chan netlink.LinkUpdate) {
	if updates == nil {
		return
	}
	for range updates {
	}
}

// look compares the device with what the port was opened on.
func (w *watcher) look() {
	p := w.port
	if p.Err() != nil {
		return
	}
	st, err := p.dev.state()
	if err == nil {
		err = w.opened.changed(st)
	} else if !errors.Is(err, errGone) {
		p.log.Warn("cannot read the state of the device", "err", err)
		return
	}
	if err != nil {
		p.log.Debug("port stops", "err", err)
		p.stop(err)
		return
	}
	if p.up.Swap(st.carrier) != st.carrier {
		p.log.Debug("link changed", "up", st.carrier)
	}
}

// changed says what of now a port opened in state s cannot go on with.
func (s deviceState) changed(now deviceState) error {
	switch {
	case now.mtu != s.mtu:
		return fmt.Errorf("MTU changed from %d to %d bytes", s.mtu, now.mtu)
	case now.channels != s.channels:
		return fmt.Errorf("number of receive queues changed from %d to %d", s.channels, now.channels)
	case now.program == 0:
		return errors.New("the XDP program was taken off the device")
	case now.program != s.program:
		return fmt.Errorf("another XDP program (id %d) was put on the device", now.program)
	case now.mac.String() != s.mac.String():
		return fmt.Errorf("address changed from %v to %v", s.mac, now.mac)
	}
	return nil
}

// close ends the watch and waits for it.
func (w *watcher) close() {
	w.once.Do(func() { close(w.quit) })
	w.wg.Wait()
}
