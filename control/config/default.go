package config

import (
	"log/slog"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// DefaultSocket is where the daemon listens and the command line looks when neither says otherwise.
const DefaultSocket = "/run/culvert/culvert.sock"

// Default returns the configuration of an empty file. It is the one place where defaults stand.
func Default() Config {
	return Config{
		Control: Control{Socket: DefaultSocket, Mode: 0o660},
		Log:     Log{Level: slog.LevelInfo},
		Frames:  Frames{Buffers: 16384, BufferSize: 2048, Huge: frame.HugeAuto},
		Workers: Workers{Count: 1, Latency: pmd.DefaultLatency, Rebalance: 10 * time.Second},
		Caches: Caches{
			EMCEntries:   8192,
			EMCInsert:    1,
			Flows:        65536,
			MasksPerPort: 32,
			MaxIdle:      10 * time.Second, // as OVS
		},
		SlowPath:  SlowPath{QueueLength: 2048, Held: 2048, SendRate: 10_000, Revalidate: 500 * time.Millisecond},
		VLANLimit: 1,
	}
}

// defaultBridge returns a bridge of which only the name is given.
func defaultBridge() Bridge {
	return Bridge{
		MACAging:     300 * time.Second, // IEEE 802.1Q-2018, table 8-6
		MACTableSize: 8192,              // as OVS
		Normal:       true,
	}
}
