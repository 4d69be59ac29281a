package xsk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

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
			return nil, errors.Join(fmt.Errorf("attach XDP program: %s: %w", st.refused(err), err), s.Close())
		}
		ch.notNative = st.refused(err)
	}
	if err := s.attach(ifindex, false); err != nil {
		return nil, errors.Join(fmt.Errorf("attach XDP program in generic mode: %s: %w", st.refused(err), err), s.Close())
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

// refused says in words why the device did not take the program.
func (s deviceState) refused(err error) string {
	driver := "driver " + s.driver
	if s.driver == "" {
		driver = "the device" // loopback and the like, which ethtool knows no driver of
	}
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		return "another XDP program is on the device"
	case errors.Is(err, unix.EOPNOTSUPP):
		return driver + " has no native XDP"
	case s.driver == "veth" && errors.Is(err, unix.ENOSPC):
		return "the other end of the veth pair sends with more queues than this end receives with"
	case errors.Is(err, unix.ERANGE):
		return driver + " has no native XDP for an MTU this large"
	}
	return fmt.Sprintf("%s refused the program (%v)", driver, err)
}
