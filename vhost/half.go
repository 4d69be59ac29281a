package vhost

import (
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// A half is the device's half of a virtqueue of either layout. Which one it is, is asked once per call: an
// interface would cost as much, and the two could not be inlined.
type half struct {
	split  *virtq.Split
	packed *virtq.Packed
}

// newHalf opens a ring in the guest's memory.
func newHalf(packed bool, t *mem.Table, c virtq.Config) (h half, err error) {
	if packed {
		h.packed, err = virtq.NewPacked(t, c)
	} else {
		h.split, err = virtq.NewSplit(t, c)
	}
	return h, err
}

func (h *half) available() int {
	if h.packed != nil {
		return h.packed.Available()
	}
	return h.split.Available()
}

func (h *half) take(b *virtq.Chains, limit int) (int, error) {
	if h.packed != nil {
		return h.packed.Take(b, limit)
	}
	return h.split.Take(b, limit)
}

func (h *half) give(b *virtq.Chains, n int) {
	if h.packed != nil {
		h.packed.Give(b, n)
	} else {
		h.split.Give(b, n)
	}
}

func (h *half) publish() {
	if h.packed != nil {
		h.packed.Publish()
	} else {
		h.split.Publish()
	}
}

func (h *half) interrupt() bool {
	if h.packed != nil {
		return h.packed.Interrupt()
	}
	return h.split.Interrupt()
}

func (h *half) ahead() {
	if h.packed != nil {
		h.packed.Ahead()
	} else {
		h.split.Ahead()
	}
}

func (h *half) kicks(on bool) (ready bool) {
	if h.packed != nil {
		return h.packed.Kicks(on)
	}
	return h.split.Kicks(on)
}

func (h *half) missing() (virtq.Miss, bool) {
	if h.packed != nil {
		return h.packed.Missing()
	}
	return h.split.Missing()
}

func (h *half) refresh() {
	if h.packed != nil {
		h.packed.Refresh()
	} else {
		h.split.Refresh()
	}
}

func (h *half) moved(t *mem.Table, first, last uint64) bool {
	if h.packed != nil {
		return h.packed.Moved(t, first, last)
	}
	return h.split.Moved(t, first, last)
}

// err returns what the guest did wrong, or nil.
func (h *half) err() error {
	if h.packed != nil {
		return h.packed.Err()
	}
	return h.split.Err()
}

func (h *half) position() uint32 {
	if h.packed != nil {
		return h.packed.Position()
	}
	return h.split.Position()
}
