package kernel

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// listens reports whether the kernel listens to 239.1.2.3 or ff15::1:2:3 on some device of this namespace.
func listens(t *testing.T, v6 bool) bool {
	t.Helper()
	file, text := "/proc/self/net/igmp", "030201EF" // in the machine's byte order, which is little-endian
	if v6 {
		file, text = "/proc/self/net/igmp6", "ff150000000000000000000100020003"
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Skip(err) // a kernel without the family
	}
	return strings.Contains(string(b), text)
}

func TestTheKernelListensToGroupsAsLongAsItIsTo(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	m, err := newMemberships()
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	group4, group6 := netip.MustParseAddr("239.1.2.3"), netip.MustParseAddr("ff15::1:2:3")
	m.set(group4, true)
	m.set(group6, true)
	m.set(group4, true)
	if len(m.news) != 1 || len(m.settle(0)) != 0 || len(m.joined) != 0 {
		t.Error("without a device something is joined, or nobody is told")
	}
	if errs := m.settle(lo.Index); len(errs) != 0 || !listens(t, false) || !listens(t, true) {
		t.Errorf("joined %v: %v", m.joined, errs)
	}
	m.set(group4, false)
	if errs := m.settle(lo.Index); len(errs) != 0 || listens(t, false) || !listens(t, true) {
		t.Errorf("one is left, joined %v: %v", m.joined, errs)
	}
	m.settle(0) // the device is gone, and made anew
	m.set(group6, false)
	if errs := m.settle(1 << 20); len(errs) != 0 || len(m.joined) != 0 {
		t.Errorf("nothing is to be joined: %v", errs)
	}
	m.set(group4, true)
	if errs := m.settle(1 << 20); len(errs) != 1 {
		t.Errorf("on a device that there is not: %v", errs)
	}
}
