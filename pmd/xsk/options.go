package xsk

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
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
	// for up to a number of microseconds; off is the default. Interrupts stay out of the way only when
	// the operator also sets napi_defer_hard_irqs and gro_flush_timeout of the device: Culvert does not,
	// because nothing would set them back after a crash.
	OptBusyPoll = "busy-poll"
	// OptMultiBuffer says whether a packet may lie in several buffers, which an MTU beyond one buffer
	// needs: on, off, or auto (default: on where kernel and driver can).
	OptMultiBuffer = "multi-buffer"
	// OptPass says which packets are left to the host's own stack, as a comma-separated list: none
	// (default), host (unicast to the device's own address), arp, lldp, lacp, eapol, ptp, tcp:PORT,
	// udp:PORT (destination port, untagged IPv4 and IPv6 without extension headers, no fragments but
	// the first).
	OptPass = "pass"
	// OptFallback says what becomes of a packet that arrives on a queue without a socket: drop (default)
	// or pass, to the host's stack.
	OptFallback = "fallback"
	// OptPromisc says whether the device is made to receive frames to any address while the port is
	// open: on (default) or off. It ends with the process, whichever way that ends.
	OptPromisc = "promiscuous"
)

// A choice is an option with the values on, off and auto, or two values of its own and auto.
type choice uint8

const (
	auto choice = iota
	first
	second
)

// config is the options, read.
type config struct {
	device      string
	mode        choice // native, generic
	copy        choice // zero-copy, copy
	queues      int    // 0: auto
	ringSize    uint32
	needWakeup  choice // on, off
	busyPoll    int    // microseconds; 0: off
	multiBuffer choice // on, off
	pass        filter
	fallback    action
	promisc     bool
}

const (
	minRing     = 64
	defaultRing = 2048 // 2 ms at 1 Mpps, longer than a pause of the Go scheduler or collector
	maxRing     = 32768
	maxQueues   = 1024
	maxBusyPoll = 10000 // µs
)

// parse reads the options of a port. It reports all errors at once.
func parse(name string, options map[string]string) (config, error) {
	c := config{device: name, ringSize: defaultRing, fallback: drop, promisc: true}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if err := c.set(key, options[key]); err != nil {
			errs = append(errs, err)
		}
	}
	return c, errors.Join(errs...)
}

func (c *config) set(key, value string) (err error) {
	switch key {
	case OptDevice:
		c.device = value
		if value == "" {
			err = errors.New("want the name of a network device")
		}
	case OptMode:
		c.mode, err = oneOf(value, "auto", "native", "generic")
	case OptCopy:
		c.copy, err = oneOf(value, "auto", "zero-copy", "copy")
	case OptQueues:
		c.queues, err = number(value, "auto", 1, maxQueues)
	case OptRingSize:
		var n int
		n, err = number(value, "", minRing, maxRing)
		if err == nil && bits.OnesCount(uint(n)) != 1 {
			err = errors.New("want a power of two")
		}
		c.ringSize = uint32(n)
	case OptNeedWakeup:
		c.needWakeup, err = oneOf(value, "auto", "on", "off")
	case OptBusyPoll:
		c.busyPoll, err = number(value, "off", 1, maxBusyPoll)
	case OptMultiBuffer:
		c.multiBuffer, err = oneOf(value, "auto", "on", "off")
	case OptPass:
		c.pass, err = parseFilter(value)
	case OptFallback:
		var v choice
		v, err = oneOf(value, "", "drop", "pass")
		c.fallback = map[choice]action{first: drop, second: pass}[v]
	case OptPromisc:
		var v choice
		v, err = oneOf(value, "", "on", "off")
		c.promisc = v == first
	default:
		return fmt.Errorf("option %q: unknown; there are %s", key, strings.Join(optionNames(), ", "))
	}
	if err != nil {
		return fmt.Errorf("option %s=%q: %w", key, value, err)
	}
	return nil
}

func optionNames() []string {
	return []string{OptDevice, OptMode, OptCopy, OptQueues, OptRingSize, OptNeedWakeup, OptBusyPoll,
		OptMultiBuffer, OptPass, OptFallback, OptPromisc}
}

// oneOf finds value among the words for auto, first and second; the first word may be empty, when
// the option has no auto.
func oneOf(value string, words ...string) (choice, error) {
	for i, w := range words {
		if w != "" && w == value {
			return choice(i), nil
		}
	}
	if words[0] == "" {
		words = words[1:]
	}
	return 0, fmt.Errorf("want %s", strings.Join(words, " or "))
}

// number reads a number from low to high; the word, if not empty, stands for 0.
func number(value, word string, low, high int) (int, error) {
	if word != "" && value == word {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		if word != "" {
			return 0, fmt.Errorf("want %s or a number from %d to %d", word, low, high)
		}
		return 0, fmt.Errorf("want a number from %d to %d", low, high)
	}
	return n, nil
}
