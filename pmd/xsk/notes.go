package xsk

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// choices is what was chosen for a port, and why not better.
type choices struct {
	native      bool
	notNative   string // reason
	noFrags     string // reason
	flags       uint16 // the sockets are bound with
	notZeroCopy string
	notSG       string
	notWakeup   string
	txBudget    bool
	queues      int
	channels    int
}

// attach loads the program and puts it on the device in the best mode that works.
func attach(c config, st deviceState, ifindex, queues int, ch *choices) (*steering, error) {
	s, err := load(c, st, queues, ch)
	if err != nil {
		return nil, err
	}
	if c.mode != plain {
		err := s.attach(ifindex, true)
		if err == nil {
			ch.native = true
			return s, nil
		}
		if c.mode == better || errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
			return nil, errors.Join(fmt.Errorf("attach XDP program: %s: %w", st.notNative(err), err), s.Close())
		}
		ch.notNative = st.notNative(err)
	}
	if err := s.attach(ifindex, false); err != nil {
		return nil, errors.Join(fmt.Errorf("attach XDP program in generic mode: %s: %w", st.notNative(err), err), s.Close())
	}
	return s, nil
}

// load loads the program for multi-buffer packets if it may, and for single ones if it must.
func load(c config, st deviceState, queues int, ch *choices) (*steering, error) {
	if c.multiBuffer != plain {
		s, err := newSteering(queues, c.pass, st.mac, c.fallback, true)
		if err == nil || c.multiBuffer == better || !errors.Is(err, unix.EINVAL) {
			return s, err
		}
		ch.noFrags = "the kernel has no XDP programs for multi-buffer packets (Linux 5.18)"
	}
	return newSteering(queues, c.pass, st.mac, c.fallback, false)
}

// notNative says in words why the driver did not take the program.
func (s deviceState) notNative(err error) string {
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		return "another XDP program is on the device"
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Sprintf("driver %s has no native XDP", s.driver)
	case s.driver == "veth" && errors.Is(err, unix.ENOSPC):
		return "the other end of the veth pair sends with more queues than this end receives with"
	case errors.Is(err, unix.ERANGE):
		return fmt.Sprintf("driver %s has no native XDP for this MTU", s.driver)
	}
	return fmt.Sprintf("driver %s refused native XDP: %v", s.driver, err)
}

// bound notes how the first socket was bound, and what was refused before.
func (ch *choices) bound(ways []uint16, way int, refused []error) {
	ch.flags = ways[way]
	ch.notZeroCopy = refusal(why(unix.XDP_ZEROCOPY, ways, refused))
	ch.notSG = refusal(why(unix.XDP_USE_SG, ways, refused))
	ch.notWakeup = refusal(why(unix.XDP_USE_NEED_WAKEUP, ways, refused))
}

// notes puts the choices in words.
func (ch *choices) notes(c config, pool *frame.Pool) []pmd.Note {
	asked := func(opt string) string { return "option " + opt }
	note := func(key string, got bool, yes, no, reason string) pmd.Note {
		if got {
			return pmd.Note{Key: key, Value: yes}
		}
		return pmd.Note{Key: key, Value: no, Reason: reason}
	}
	attach := ch.notNative
	if c.mode == plain {
		attach = asked(OptMode)
	}
	copying := ch.notZeroCopy
	switch {
	case c.copy == plain:
		copying = asked(OptCopy)
	case !ch.native:
		copying = "generic mode always copies"
	}
	multi := ch.notSG
	switch {
	case c.multiBuffer == plain:
		multi = asked(OptMultiBuffer)
	case ch.noFrags != "":
		multi = ch.noFrags
	}
	multi += fmt.Sprintf("; the kernel drops packets beyond %d bytes", pool.Room())
	wakeup := ch.notWakeup
	if c.needWakeup == plain {
		wakeup = asked(OptNeedWakeup)
	}
	poll := pmd.Note{Key: "busy-poll", Value: "off", Reason: asked(OptBusyPoll) + " is not set"}
	if c.busyPoll > 0 {
		poll = pmd.Note{Key: "busy-poll", Value: c.busyPoll.String()}
	}
	queues := pmd.Note{Key: "queues", Value: strconv.Itoa(ch.queues)}
	if ch.queues < ch.channels {
		queues.Reason = fmt.Sprintf("%s, of %d", asked(OptQueues), ch.channels)
	}
	return []pmd.Note{
		note("attach", ch.native, "native", "generic", attach),
		note("copy", ch.flags&unix.XDP_ZEROCOPY != 0, "zero-copy", "copy", copying),
		note("multi-buffer", ch.flags&unix.XDP_USE_SG != 0, "on", "off", multi),
		note("need-wakeup", ch.flags&unix.XDP_USE_NEED_WAKEUP != 0, "on", "off", wakeup),
		poll,
		queues,
		note("tx-budget", ch.txBudget, strconv.Itoa(int(min(c.ringSize, txBudget))), "32", "the kernel has no XDP_MAX_TX_SKB_BUDGET"),
		{Key: "pass", Value: c.pass.String()},
	}
}
