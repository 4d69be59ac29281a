package xsk

import (
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
	tags        bool   // those that the device has taken off are put back
	noTags      string // reason
	flags       uint16 // the sockets are bound with
	notZeroCopy string
	notSG       string
	notWakeup   string
	txBudget    bool
	queues      int
	channels    int
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
	tags := "put back"
	if c.pass.shared {
		tags = "left to the host" // with their packets
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
		note("vlan-tags", ch.tags, tags, "left off", ch.noTags),
		note("need-wakeup", ch.flags&unix.XDP_USE_NEED_WAKEUP != 0, "on", "off", wakeup),
		poll,
		queues,
		note("tx-budget", ch.txBudget, strconv.Itoa(int(min(c.ringSize, txBudget))), "32",
			"the kernel has no XDP_MAX_TX_SKB_BUDGET"),
		{Key: "pass", Value: c.pass.String()},
	}
}
