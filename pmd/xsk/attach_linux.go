package xsk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// attach loads the program and puts it on the device in the best mode that works.
func attach(c config, st deviceState, ifindex, queues int, ch *choices) (*steering, error) {
	b := blueprint{queues: queues, pass: c.pass, mac: st.mac, fallback: c.fallback}
	ch.noTags = "generic mode"
	if c.mode != plain {
		if s := attachForTags(c, b, ifindex, ch); s != nil {
			return s, nil
		}
	}
	s, err := load(c, b, ch)
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

// attachForTags is attach of a program that puts VLAN tags back, which is for native mode alone; nil if that cannot be had.
func attachForTags(c config, b blueprint, ifindex int, ch *choices) *steering {
	tag, err := findRxTag()
	if err != nil {
		ch.noTags = err.Error()
		return nil
	}
	b.tag, b.ifindex = tag, ifindex
	s, err := load(c, b, ch)
	if err != nil {
		ch.noTags = fmt.Sprintf("the kernel refused a program that asks for them (%v)", err)
		return nil
	}
	if err := s.attach(ifindex, true); err != nil {
		_ = s.Close() // nothing is lost with it
		ch.noTags = fmt.Sprintf("the device refused a program that asks for them (%v)", err)
		return nil
	}
	ch.native, ch.tags = true, true
	return s
}

// load loads the program for multi-buffer packets if it may, and for single ones if it must.
func load(c config, b blueprint, ch *choices) (*steering, error) {
	if c.multiBuffer != plain {
		b.frags = true
		s, err := newSteering(b)
		if err == nil || c.multiBuffer == better || !errors.Is(err, unix.EINVAL) {
			return s, err
		}
		ch.noFrags = "the kernel has no XDP programs for multi-buffer packets (Linux 5.18)"
	}
	b.frags = false
	return newSteering(b)
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
