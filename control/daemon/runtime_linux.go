package daemon

import (
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// What the Go runtime is told, unless the environment says otherwise.
const (
	// gcPercent: the heap may grow to five times what lives before the collector runs, 2.5 times the
	// default, because each run can pause a worker for up to a millisecond.
	gcPercent = 400
	// memoryShare: the heap may take a quarter of the host's memory before the collector runs more
	// often than that. The frame arena lies outside the heap; the flow caches lie in it and hold no
	// pointers, so they make collections rare, not long.
	memoryShare = 4
	// spareProcs is how many Go processors there are besides the workers': one for the control plane and
	// one for the collector, which otherwise takes a worker's.
	spareProcs = 2
)

// tuneRuntime prepares the Go runtime for threads that poll. GOGC, GOMEMLIMIT and GOMAXPROCS in the
// environment win.
func tuneRuntime(workers int, log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		var host unix.Sysinfo_t
		if err := unix.Sysinfo(&host); err != nil {
			log.Warn("memory limit not set", "error", err)
		} else {
			debug.SetMemoryLimit(int64(uint64(host.Totalram) * uint64(host.Unit) / memoryShare))
		}
	}
	// Without a call of ours the runtime follows the CPU mask and may change the number while workers run.
	procs := max(runtime.NumCPU(), workers+spareProcs)
	if os.Getenv("GOMAXPROCS") != "" {
		procs = runtime.GOMAXPROCS(0)
		if procs < workers+spareProcs {
			log.Warn("GOMAXPROCS is low: workers will be stopped for the collector", "is", procs, "want", workers+spareProcs)
		}
	}
	runtime.GOMAXPROCS(procs)
}

// notifyManager tells the service manager about a change of state (sd_notify(3)): one datagram to the
// socket it named, if there is one.
func notifyManager(state string, log *slog.Logger) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	// A leading @ means the abstract namespace, to the manager and to Go alike.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		log.Warn("notify the service manager", "error", err)
		return
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		log.Warn("notify the service manager", "error", err)
	}
}
