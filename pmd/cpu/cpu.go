// Package cpu says which CPUs there are, which of them workers should have, and what time it is on
// them at the price of one instruction.
//
// [Discover] reads topology and permissions, [Plan] chooses, [Confine] and a [Seat] for each worker carry the choice out.
// [Clock] turns the CPU's cycle counter into nanoseconds on the monotonic clock.
//
// It is not a scheduler: nothing here changes priorities, interrupts or frequencies.
//
// Thread-safety: all functions are safe for concurrent use; Pin acts on the calling thread, a Seat on the goroutine that
// took it.
//
// Sources: linux Documentation/admin-guide/cputopology.rst, Documentation/ABI/stable/sysfs-devices-node,
// Documentation/admin-guide/cgroup-v2.rst (cpuset), cpuset(7), sched_setaffinity(2).
package cpu
