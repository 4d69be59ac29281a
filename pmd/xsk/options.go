package xsk

import (
	"math/bits"
	"time"

	"github.com/culvertdev/culvert/pmd/option"
)

// The options of [Driver.Open]. Every one may be left out.
const (
	// OptDevice is the network device; default: the port's name.
	OptDevice = "device"
	// OptMode is where in the kernel frames are taken: native (in the device's driver), generic (after
	// it, on any device, slower) or auto (default: native where the driver can).
	OptMode = "mode"
	// OptCopy is how frames get into the arena: zero-copy (by the device), copy (by the kernel) or
	// auto (default: zero-copy where the driver can).
	OptCopy = "copy"
	// OptQueues is how many queues to use: a number, or auto (default: as many as the device receives
	// with). Queues from 0 on are used; what arrives on others meets OptFallback.
	OptQueues = "queues"
	// OptRingSize is the size of each of a queue's four rings: a power of two from 64 to 32768, default
	// 2048. A queue takes as many buffers from the arena for receiving, and up to as many for sending.
	OptRingSize = "ring-size"
	// OptNeedWakeup says whether the kernel may ask for system calls when it wants them (on), or gets
	// one always (off); auto (default): on where the kernel can.
	OptNeedWakeup = "need-wakeup"
	// OptBusyPoll lets the worker run the device's receive processing itself, in place of interrupts,
	// for up to a time such as 20us, 10ms at most; off is the default. Interrupts stay out of the way only when
	// the operator also sets napi_defer_hard_irqs and gro_flush_timeout of the device: Culvert does not,
	// because nothing would set them back after a crash.
	OptBusyPoll = "busy-poll"
	// OptMultiBuffer says whether a packet may lie in several buffers, which an MTU beyond one buffer
	// needs: on, off, or auto (default: on where kernel and driver can).
	OptMultiBuffer = "multi-buffer"
	// OptPass says which packets are left to the host's own stack, as a comma-separated list: none
	// (default), host (unicast to the device's own address), arp, lldp, lacp, eapol, ptp, tcp:PORT,
	// udp:PORT (destination port, untagged IPv4 and IPv6 without extension headers, no fragments but
	// the first), or shared (everything but the tunnels that Port.Share names).
	OptPass = "pass"
	// OptFallback says what becomes of a packet that arrives on a queue without a socket: drop (default)
	// or pass, to the host's stack.
	OptFallback = "fallback"
	// OptPromisc says whether the device is made to receive frames to any address while the port is
	// open: on (default) or off. It ends with the process, whichever way that ends.
	OptPromisc = "promiscuous"
)

// A want is an option with the values auto and two of its own.
type want uint8

const (
	best   want = iota // auto
	better             // on, native, zero-copy
	plain              // off, generic, copy
)

// config is the options, read.
type config struct {
	device      string
	mode        want
	copy        want
	queues      int // 0: as many as there are
	ringSize    uint32
	needWakeup  want
	busyPoll    time.Duration // 0: off
	multiBuffer want
	pass        filter
	fallback    action
	promisc     bool
}

const (
	minRing     = 64
	defaultRing = 2048 // 2 ms at 1 Mpps, longer than most pauses of the Go scheduler or collector
	maxRing     = 32768
	maxQueues   = 1024
	maxBusyPoll = 10 * time.Millisecond
)

// CheckOptions reports everything that is wrong with the options of a port, without opening anything.
func CheckOptions(options map[string]string) error {
	_, err := parse("", options)
	return err
}

// parse reads the options of a port. It reports all errors at once.
func parse(name string, given map[string]string) (config, error) {
	s := option.Of(given)
	c := config{
		device:      s.String(OptDevice, name),
		mode:        wanted(s, OptMode, "native", "generic"),
		copy:        wanted(s, OptCopy, "zero-copy", "copy"),
		ringSize:    uint32(s.Int(OptRingSize, defaultRing, minRing, maxRing)),
		needWakeup:  wanted(s, OptNeedWakeup, "on", "off"),
		multiBuffer: wanted(s, OptMultiBuffer, "on", "off"),
		pass:        parseFilter(s),
		fallback:    drop,
		promisc:     s.Bool(OptPromisc, true),
	}
	if s.String(OptQueues, "auto") != "auto" {
		c.queues = s.Int(OptQueues, 0, 1, maxQueues)
	}
	if s.String(OptBusyPoll, "off") != "off" {
		c.busyPoll = s.Duration(OptBusyPoll, 0, maxBusyPoll)
	}
	if s.Choice(OptFallback, "drop", "pass") == "pass" {
		c.fallback = pass
	}
	if bits.OnesCount32(c.ringSize) != 1 {
		s.Fail(OptRingSize, "a power of two")
	}
	return c, s.Err()
}

func wanted(s *option.Set, name, yes, no string) want {
	switch s.Choice(name, "auto", yes, no) {
	case yes:
		return better
	case no:
		return plain
	}
	return best
}
