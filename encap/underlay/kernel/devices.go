package kernel

import (
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// devices are those of a network namespace that messages were about. The kernel says of a device that goes down just that: not
// that its IPv4 routes have gone, and its addresses are none of the host's any more.
type devices map[int32]bool // by index: it is up

// hear takes in a message, and reports whether what the kernel has may be other than before: not if it says of a device what
// was known.
func (d devices) hear(m *syscall.NetlinkMessage) bool {
	switch {
	case m.Header.Type != unix.RTM_NEWLINK && m.Header.Type != unix.RTM_DELLINK, len(m.Data) < unix.SizeofIfInfomsg:
		return true
	case m.Header.Type == unix.RTM_DELLINK:
		delete(d, nl.DeserializeIfInfomsg(m.Data).Index)
		return true
	}
	info := nl.DeserializeIfInfomsg(m.Data)
	was, known := d[info.Index]
	up := info.Flags&unix.IFF_UP != 0
	d[info.Index] = up
	return !known || was != up
}

// subscribeOthers returns a channel that has a value for each message about rules, and for those about devices that have gone
// up or down, until done is closed. The channel is closed then, or when failed has been told why there are no more.
func subscribeOthers(ns netns.NsHandle, done <-chan struct{}, failed func(error)) (<-chan struct{}, error) {
	s, err := nl.SubscribeAt(ns, netns.None(), unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_LINK)
	if err != nil {
		return nil, err
	}
	go func() {
		<-done
		s.Close()
	}()
	said, known := make(chan struct{}), make(devices)
	go func() {
		defer close(said)
		for {
			list, _, err := s.Receive()
			if err != nil {
				failed(err)
				return
			}
			news := false
			for i := range list {
				news = known.hear(&list[i]) || news
			}
			if news {
				said <- struct{}{}
			}
		}
	}()
	return said, nil
}
