package vhost

import (
	"encoding/binary"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// backend is set for a process that is the switch's side, to be killed.
const backend = "CULVERT_TEST_BACKEND"

func TestMain(m *testing.M) {
	if path := os.Getenv(backend); path != "" {
		runBackend(path)
		return
	}
	os.Exit(m.Run())
}

// testGather is set for one that lets packets gather, which here is for as long as they may.
const testGather = "CULVERT_TEST_GATHER"

// runBackend sends what comes in back out, until it is killed.
func runBackend(path string) {
	pool, err := frame.NewPool(frame.Options{Buffers: 1024, Huge: frame.HugeNever})
	if err != nil {
		panic(err)
	}
	gather := time.Duration(-1)
	if os.Getenv(testGather) != "" {
		gather = maxGather
	}
	p, err := Open("p1", Options{Pool: pool, Path: path, retry: time.Millisecond, Gather: gather})
	if err != nil {
		panic(err)
	}
	var b frame.Batch
	for {
		if p.rx[0].Recv(&b) > 0 {
			p.tx[0].Send(&b)
			p.tx[0].Flush()
			if gather > 0 {
				time.Sleep(gather / 8) // so that it is mostly killed here
			}
		}
	}
}

// TestASwitchThatIsKilledLosesNoBufferAndRepeatsNone kills the process behind the port again and again, while a guest
// sends numbered packets and gets them back. Each of its buffers must come home once: the driver's half sees it when
// one comes twice, and the ring runs dry when one is lost. With inflight memory no packet comes twice either.
func TestASwitchThatIsKilledLosesNoBufferAndRepeatsNone(t *testing.T) {
	for name, s := range map[string]struct {
		shape
		inflight bool
		gather   bool
	}{
		"split, with inflight memory":              {shape{features: common, size: 64}, true, false},
		"split, from the used index":               {shape{features: common, size: 64}, false, false},
		"split, from the used index, under load":   {shape{features: common, size: 256}, false, true},
		"split, in order, with inflight memory":    {shape{features: common | proto.InOrder, size: 64}, true, false},
		"split, with inflight memory, under load":  {shape{features: common, size: 256}, true, true},
		"packed, with inflight memory":             {shape{features: common | proto.RingPacked, size: 64}, true, false},
		"packed, merged, with inflight memory":     {shape{features: common | proto.RingPacked | proto.MrgRxbuf, size: 64}, true, false},
		"packed, with inflight memory, under load": {shape{features: common | proto.RingPacked, size: 256}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			k := &killing{t: t, g: newGuest(t, s.shape), inflight: s.inflight, gather: s.gather, memory: -1}
			defer k.close()
			rounds := 12
			if testing.Short() {
				rounds = 4
			}
			for range rounds {
				k.round(30 * time.Millisecond)
			}
			// The last one may finish what is there.
			k.connect()
			eventually(t, "all buffers come home", func() bool { k.collect(); return len(k.sent) == 0 })
			k.kill()
			if err := k.g.rings[0].Err(); err != nil {
				t.Error(err)
			}
			if err := k.g.rings[1].Err(); err != nil {
				t.Error(err)
			}
			if k.back == 0 {
				t.Error("no packet came back: the test shows nothing")
			}
			if s.inflight && k.twice > 0 {
				t.Errorf("%d packets came back twice", k.twice)
			}
			t.Logf("%d packets sent, %d came back, %d of them twice, %d out of order", k.next, k.back, k.twice, k.late)
		})
	}
}

// killing is a guest whose switch is killed.
type killing struct {
	t        *testing.T
	g        *guest
	process  *exec.Cmd
	inflight bool
	gather   bool
	memory   int // descriptor of the inflight memory; -1: not made yet
	layout   proto.Inflight
	next     uint32
	sent     map[uint32]bool // cookies of what the switch has
	seen     map[uint32]bool // numbers that came back
	last     uint32          // the one that did last
	back     int
	twice    int
	late     int // before one that is lower
}

// round lets a switch run for about so long and kills it.
func (k *killing) round(d time.Duration) {
	k.connect()
	for end := time.Now().Add(d); time.Now().Before(end); {
		k.feed()
		k.collect()
	}
	k.kill()
	k.collect()
}

// connect starts a switch and connects the guest to it, to go on where the one before was.
func (k *killing) connect() {
	k.t.Helper()
	g := k.g
	k.process = exec.Command(os.Args[0])
	k.process.Env = append(os.Environ(), backend+"="+g.path)
	if k.gather {
		k.process.Env = append(k.process.Env, testGather+"=1")
	}
	k.process.Stderr = os.Stderr
	if err := k.process.Start(); err != nil {
		k.t.Fatal(err)
	}
	g.meet()
	g.negotiate()
	g.tell(proto.SetMemTable, proto.MemTable{g.region()}, int(g.file.Fd()))
	if k.inflight {
		k.setInflight()
	}
	for i := range g.rings {
		g.startRing(i, g.start())
	}
}

// setInflight has the first switch make the inflight memory, and gives it to the others.
func (k *killing) setInflight() {
	k.t.Helper()
	if k.memory < 0 {
		k.layout, k.memory = k.g.askInflight()
	}
	k.g.tell(proto.SetInflightFD, k.layout, k.memory)
}

func (k *killing) kill() {
	k.process.Process.Kill()
	k.process.Wait()
	k.g.hangUp()
}

// feed sends packets as long as there is room, and offers buffers for what comes back.
func (k *killing) feed() {
	g := k.g
	if k.sent == nil {
		k.sent, k.seen = make(map[uint32]bool), make(map[uint32]bool)
	}
	for range g.shape.size / 8 {
		tx, rx := g.rings[1], g.rings[0]
		if rx.Free() > 0 {
			slot, b, _ := g.buffer(2048)
			if rx.Add(slot, nil, []driver.Buffer{b}) {
				rx.Publish()
			}
		}
		if tx.Free() == 0 {
			return
		}
		_, b, mem := g.buffer(g.header + 60)
		clear(mem[:g.header])
		binary.BigEndian.PutUint32(mem[g.header+14:], k.next)
		if !tx.Add(k.next, []driver.Buffer{b}, nil) {
			return
		}
		tx.Publish()
		k.sent[k.next] = true
		k.next++
	}
}

// collect takes back what the switch has done with.
func (k *killing) collect() {
	for _, d := range k.g.reap(k.g.rings[1]) {
		if !k.sent[d.Cookie] {
			k.t.Fatalf("buffer %d came back, which the switch had given back already", d.Cookie)
		}
		delete(k.sent, d.Cookie)
	}
	for _, p := range k.g.receive(0) {
		n := binary.BigEndian.Uint32(p.data[14:])
		switch {
		case k.seen[n]:
			k.twice++
		case k.back > 0 && n < k.last:
			k.late++
		}
		k.seen[n], k.last = true, n
		k.back++
	}
}

func (k *killing) close() {
	if k.memory >= 0 {
		unix.Close(k.memory)
	}
}
