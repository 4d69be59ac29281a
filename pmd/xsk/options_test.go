package xsk

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOptions(t *testing.T) {
	defaults := config{device: "p0", ringSize: 2048, fallback: drop, promisc: true}
	with := func(change func(c *config)) config {
		c := defaults
		change(&c)
		return c
	}
	for _, c := range []struct {
		name  string
		given map[string]string
		want  config
	}{
		{"none", nil, defaults},
		{"all auto", map[string]string{OptMode: "auto", OptCopy: "auto", OptQueues: "auto", OptNeedWakeup: "auto",
			OptMultiBuffer: "auto", OptBusyPoll: "off", OptPass: "none"}, defaults},
		{"a device", map[string]string{OptDevice: "eth7"}, with(func(c *config) { c.device = "eth7" })},
		{"a mode", map[string]string{OptMode: "generic"}, with(func(c *config) { c.mode = plain })},
		{"zero-copy", map[string]string{OptCopy: "zero-copy"}, with(func(c *config) { c.copy = better })},
		{"queues", map[string]string{OptQueues: "4"}, with(func(c *config) { c.queues = 4 })},
		{"a ring size", map[string]string{OptRingSize: "64"}, with(func(c *config) { c.ringSize = 64 })},
		{"busy-poll", map[string]string{OptBusyPoll: "20us"}, with(func(c *config) { c.busyPoll = 20 * time.Microsecond })},
		{"no promiscuous mode", map[string]string{OptPromisc: "off"}, with(func(c *config) { c.promisc = false })},
		{"a fallback", map[string]string{OptFallback: "pass"}, with(func(c *config) { c.fallback = pass })},
		{"things to pass", map[string]string{OptPass: "host, arp,tcp:22"}, with(func(c *config) {
			c.pass = filter{host: true, etherTypes: []uint16{0x0806}, ports: []l4Port{{6, 22}}, words: "host,arp,tcp:22"}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse("p0", c.given)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestAWrongOptionIsNamed(t *testing.T) {
	for option, value := range map[string]string{
		OptMode: "fast", OptCopy: "on", OptQueues: "0", OptRingSize: "100", OptNeedWakeup: "yes", OptBusyPoll: "1h",
		OptMultiBuffer: "", OptFallback: "forward", OptPromisc: "maybe", "colour": "red",
	} {
		_, err := parse("p0", map[string]string{option: value})
		if err == nil || !strings.Contains(err.Error(), "option "+option) || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s=%q: error %v, want one that names the option and what is wanted", option, value, err)
		}
	}
	for _, words := range []string{"arp,none", "http", "tcp", "tcp:", "tcp:65536", "udp:-1", "icmp:1", strings.Repeat("arp,", 65)} {
		if _, err := parse("p0", map[string]string{OptPass: words}); err == nil {
			t.Errorf("%s=%q is accepted", OptPass, words)
		}
	}
}

func TestWaysToBind(t *testing.T) {
	const zc, cp, sg, wk = unix.XDP_ZEROCOPY, unix.XDP_COPY, unix.XDP_USE_SG, unix.XDP_USE_NEED_WAKEUP
	for _, c := range []struct {
		name         string
		config       config
		native, fits bool
		want         []uint16
	}{
		{"small packets: zero-copy comes before multi-buffer", config{}, true, true,
			[]uint16{zc | sg | wk, zc | sg, zc | wk, zc, cp | sg | wk, cp | sg, cp | wk, cp}},
		{"large packets: multi-buffer comes before zero-copy", config{}, true, false,
			[]uint16{zc | sg | wk, zc | sg, cp | sg | wk, cp | sg, zc | wk, zc, cp | wk, cp}},
		{"generic mode only copies", config{}, false, true,
			[]uint16{cp | sg | wk, cp | sg, cp | wk, cp}},
		{"everything set leaves one", config{copy: better, multiBuffer: plain, needWakeup: better}, true, true,
			[]uint16{zc | wk}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.config.ways(c.native, c.fits); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %x, want %x", got, c.want)
			}
		})
	}
}

func TestNotesSayWhyNotBetter(t *testing.T) {
	pool := newBench(t, 256, 64, 0).pool
	ways := config{}.ways(true, true)
	ch := choices{native: true, queues: 1, channels: 4}
	ch.bound(ways, 4, []error{unix.EOPNOTSUPP, unix.EOPNOTSUPP, unix.EOPNOTSUPP, unix.EOPNOTSUPP})
	got := map[string]string{}
	for _, n := range ch.notes(config{ringSize: 2048, queues: 1}, pool) {
		got[n.Key] = n.Value + ": " + n.Reason
	}
	for key, want := range map[string]string{
		"attach":       "native: ",
		"copy":         "copy: the device's driver does not support it",
		"multi-buffer": "on: ",
		"need-wakeup":  "on: ",
		"busy-poll":    "off: option busy-poll is not set",
		"queues":       "1: option queues, of 4",
		"tx-budget":    "32: the kernel has no XDP_MAX_TX_SKB_BUDGET",
		"pass":         "none: ",
	} {
		if got[key] != want {
			t.Errorf("note %s says %q, want %q", key, got[key], want)
		}
	}
}

func TestKernelCountersStandWhereTheirNamesDo(t *testing.T) {
	v := kernelValues(unix.XDPStatistics{Rx_dropped: 1, Rx_invalid_descs: 2, Tx_invalid_descs: 3,
		Rx_ring_full: 4, Rx_fill_ring_empty_descs: 5, Tx_ring_empty_descs: 6})
	want := map[string]uint64{"xsk_rx_dropped": 1, "xsk_rx_invalid_descs": 2, "xsk_tx_invalid_descs": 3,
		"xsk_rx_ring_full": 4, "xsk_rx_fill_ring_empty": 5, "xsk_tx_ring_empty": 6}
	for i, d := range kernelTable() {
		if v[i] != want[d.Name] {
			t.Errorf("%s = %d, want %d", d.Name, v[i], want[d.Name])
		}
	}
}
