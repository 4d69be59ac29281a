package kernel

import (
	"encoding/binary"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// aboutDevice returns the kernel's message about a device (struct ifinfomsg, linux include/uapi/linux/rtnetlink.h).
func aboutDevice(typ uint16, index, flags uint32) *syscall.NetlinkMessage {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], index)
	binary.NativeEndian.PutUint32(b[8:], flags)
	return &syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: typ}, Data: b}
}

func TestOnlyDevicesThatGoUpOrDownAreNews(t *testing.T) {
	d := make(devices)
	for i, c := range []struct {
		typ          uint16
		index, flags uint32
		news         bool
	}{
		{unix.RTM_NEWLINK, 5, 0, true}, // it may have been up
		{unix.RTM_NEWLINK, 5, 0, false},
		{unix.RTM_NEWLINK, 5, unix.IFF_UP, true},
		{unix.RTM_NEWLINK, 5, unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_PROMISC, false},
		{unix.RTM_NEWLINK, 6, unix.IFF_UP, true},
		{unix.RTM_NEWLINK, 5, unix.IFF_PROMISC, true},
		{unix.RTM_DELLINK, 5, 0, true},
		{unix.RTM_NEWLINK, 5, 0, true}, // another
		{unix.RTM_NEWRULE, 0, 0, true},
	} {
		if got := d.hear(aboutDevice(c.typ, c.index, c.flags)); got != c.news {
			t.Errorf("message %d, of device %d: news %v", i, c.index, got)
		}
	}
	short := aboutDevice(unix.RTM_NEWLINK, 5, 0)
	short.Data = short.Data[:unix.SizeofIfInfomsg-1]
	if !d.hear(short) {
		t.Error("what is not understood is passed over")
	}
}
