package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// Ranges of the numbers in a configuration. docs/configuration.md has them too.
const (
	minBuffers, maxBuffers         = 1024, 1 << 21 // 2^21 of 2048 bytes: the 4 GiB a frame can count
	minWorkers, maxWorkers         = 1, 64
	minLatency, maxLatency         = 10 * time.Microsecond, 100 * time.Millisecond
	minRebalance, maxRebalance     = 100 * time.Millisecond, time.Hour
	minEMC, maxEMC                 = 64, 1 << 20
	maxEMCInsert                   = 1 << 20
	minFlows, maxFlows             = 64, flowcache.MaxFlows
	minMasks, maxMasks             = 1, flowcache.MaxMasksPerPort
	minMaxIdle, maxMaxIdle         = 100 * time.Millisecond, time.Hour
	minQueueLength, maxQueueLength = 1, 1 << 16
	minHeld, maxHeld               = 1, 1 << 16
	maxNewFlows                    = upcall.MaxRate
	minSendRate, maxSendRate       = 1, upcall.MaxRate // packets a second
	minRevalidate, maxRevalidate   = 10 * time.Millisecond, time.Minute
	minMACAging, maxMACAging       = fdb.MinAgeing, fdb.MaxAgeing
	minMACTable, maxMACTable       = fdb.MinCapacity, fdb.MaxCapacity
	minVLANLimit, maxVLANLimit     = 1, 2
	minBufferSize, maxBufferSize   = 2048, 4096      // AF_XDP takes no other
	minPort, maxPort, localPort    = 1, 65279, 65534 // OFPP_MAX - 1 and OFPP_LOCAL of OpenFlow 1.0
	minVLAN, maxVLAN               = 1, 4094
	minAnswerLife                  = time.Second // of what a profile's plug-ins say
)

// readConfig reads all sections but the bridges.
func readConfig(m *mapping, c *Config) {
	m.section("control", func(s *mapping) { readControl(s, &c.Control) })
	m.section("metrics", func(s *mapping) {
		s.get("listen", func(v value) {
			v.text(&c.Metrics.Listen, "an address and port such as 127.0.0.1:9090", isHostPort)
		})
	})
	m.section("log", func(s *mapping) { readLog(s, &c.Log) })
	m.section("frames", func(s *mapping) { readFrames(s, &c.Frames) })
	m.section("workers", func(s *mapping) { readWorkers(s, &c.Workers) })
	m.section("caches", func(s *mapping) { readCaches(s, &c.Caches) })
	m.section("slow-path", func(s *mapping) { readSlowPath(s, &c.SlowPath) })
	m.get("vlan-limit", func(v value) { v.integer(&c.VLANLimit, minVLANLimit, maxVLANLimit) })
}

func readControl(s *mapping, c *Control) {
	s.get("socket", func(v value) {
		v.text(&c.Socket, fmt.Sprintf("a path of 1 to %d bytes", maxSocketPath), func(p string) bool {
			return p != "" && len(p) <= maxSocketPath && !strings.ContainsRune(p, 0)
		})
	})
	s.get("mode", func(v value) { readMode(v, &c.Mode) })
	s.get("group", func(v value) {
		v.text(&c.Group, "a group name or number", func(g string) bool { return g != "" })
	})
}

// maxSocketPath is the longest path of a unix socket in bytes, unix(7): 108 with the final NUL.
const maxSocketPath = 107

// readMode reads permission bits, which are octal however they are written: 0660, 660, "0o660".
func readMode(v value, dst *fs.FileMode) {
	const want = "octal permission bits such as 0660"
	s, ok := v.scalar(want)
	if !ok {
		return
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		v.bad(want)
		return
	}
	*dst = fs.FileMode(n)
}

func readLog(s *mapping, c *Log) {
	s.get("level", func(v value) {
		levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
		if i := v.choice("debug", "info", "warn", "error"); i >= 0 {
			c.Level = levels[i]
		}
	})
}

func readFrames(s *mapping, c *Frames) {
	s.get("buffers", func(v value) { v.integer(&c.Buffers, minBuffers, maxBuffers) })
	s.get("buffer-size", func(v value) { v.power(&c.BufferSize, minBufferSize, maxBufferSize) })
	s.get("hugepages", func(v value) {
		huge := []frame.HugePages{frame.HugeAuto, frame.HugeNever, frame.HugeAlways}
		if i := v.choice("auto", "never", "always"); i >= 0 {
			c.Huge = huge[i]
		}
	})
	if uint64(c.Buffers)*uint64(c.BufferSize) > 1<<32 {
		s.fail("want buffers x buffer-size of at most 4 GiB, found %d x %d bytes", c.Buffers, c.BufferSize)
	}
}

func readWorkers(s *mapping, c *Workers) {
	s.get("count", func(v value) { v.integer(&c.Count, minWorkers, maxWorkers) })
	s.get("cpus", func(v value) { c.CPUs = v.numbers(0, cpu.MaxCPUs-1) })
	s.get("latency", func(v value) { v.durationOr("spin", Never, &c.Latency, minLatency, maxLatency) })
	s.get("rebalance", func(v value) { v.durationOr("off", Never, &c.Rebalance, minRebalance, maxRebalance) })
	switch {
	case len(c.CPUs) > maxWorkers:
		s.given["cpus"].fail("want at most %d CPUs, found %d", maxWorkers, len(c.CPUs))
	case len(c.CPUs) > 0 && !s.has("count"):
		c.Count = len(c.CPUs)
	case len(c.CPUs) > 0 && c.Count != len(c.CPUs):
		s.given["cpus"].fail("want as many CPUs as workers.count says (%d), found %d", c.Count, len(c.CPUs))
	}
}

func readCaches(s *mapping, c *Caches) {
	s.get("emc-entries", func(v value) { v.power(&c.EMCEntries, minEMC, maxEMC) })
	s.get("emc-insert", func(v value) { readOneIn(v, &c.EMCInsert) })
	s.get("flows", func(v value) { v.integer(&c.Flows, minFlows, maxFlows) })
	s.get("masks-per-port", func(v value) { v.integer(&c.MasksPerPort, minMasks, maxMasks) })
	s.get("max-idle", func(v value) { v.duration(&c.MaxIdle, minMaxIdle, maxMaxIdle) })
}

// readOneIn reads a share written as 1/N.
func readOneIn(v value, dst *int) {
	want := fmt.Sprintf("1/N with N from 1 to %d, such as 1/100", maxEMCInsert)
	s, ok := v.scalar(want)
	if !ok {
		return
	}
	one, of, fraction := strings.Cut(s, "/")
	n, err := strconv.Atoi(of)
	if s == "1" {
		one, n, err, fraction = "1", 1, nil, true
	}
	if !fraction || one != "1" || err != nil || n < 1 || n > maxEMCInsert {
		v.bad(want)
		return
	}
	*dst = n
}

func readSlowPath(s *mapping, c *SlowPath) {
	s.get("queue-length", func(v value) { v.integer(&c.QueueLength, minQueueLength, maxQueueLength) })
	s.get("thread", func(v value) {
		if i := v.choice("auto", "own", "worker"); i >= 0 {
			c.Thread = []SlowThread{SlowAuto, SlowOwn, SlowWorker}[i]
		}
	})
	s.get("new-flows", func(v value) { v.integer(&c.NewFlows, 0, maxNewFlows) })
	s.get("held", func(v value) { v.integer(&c.Held, minHeld, maxHeld) })
	s.get("send-rate", func(v value) { v.integer(&c.SendRate, minSendRate, maxSendRate) })
	s.get("revalidate", func(v value) { v.duration(&c.Revalidate, minRevalidate, maxRevalidate) })
}

// isHostPort reports whether s is host:port with a number for the port.
func isHostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
