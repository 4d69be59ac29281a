package daemon_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// A lab is a daemon with memory ports whose other ends the test holds, and a client on its socket.
type lab struct {
	t      *testing.T
	dir    string
	d      *daemon.Daemon
	client *api.Client
	opened *recorder
	peers  []*memport.Peer
}

// recorder is the memory driver, and remembers the ports it opened.
type recorder struct {
	pmd.Driver
	mu    sync.Mutex
	ports map[string]*memport.Port
	opens map[string]int
}

func (r *recorder) Open(ctx context.Context, name string, o map[string]string) (pmd.Port, error) {
	p, err := r.Driver.Open(ctx, name, o)
	if mp, ok := p.(*memport.Port); ok && err == nil {
		r.mu.Lock()
		r.ports[name] = mp
		r.opens[name]++
		r.mu.Unlock()
	}
	return p, err
}

func (r *recorder) drivers() daemon.Drivers {
	return daemon.Drivers{"memory": {Check: memport.CheckOptions, New: func(p *frame.Pool, l *slog.Logger) pmd.Driver {
		r.Driver = memport.New(p, l)
		return r
	}}}
}

func newRecorder() *recorder {
	return &recorder{ports: make(map[string]*memport.Port), opens: make(map[string]int)}
}

// parse checks a configuration for a daemon of memory ports with its socket in dir.
func parse(t *testing.T, dir, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(config.Source{Name: "c.yaml", Text: base(dir) + text, Drivers: daemon.Drivers{"memory": {Check: memport.CheckOptions}}.Types()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// base is what every configuration here starts with.
func base(dir string) string {
	return "control: {socket: " + filepath.Join(dir, "s") + "}\nframes: {buffers: 8192, hugepages: never}\n"
}

// start starts a daemon with the given bridges. When the test ends it is closed, and every frame must
// be back.
func start(t *testing.T, bridges string) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir(), opened: newRecorder()}
	var err error
	l.d, err = daemon.Start(t.Context(), daemon.Options{
		Config: parse(t, l.dir, bridges), File: "c.yaml", Drivers: l.opened.drivers(), Audit: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Build: api.Version{Version: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.client, err = api.Dial(t.Context(), filepath.Join(l.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

func (l *lab) close() {
	l.client.Close()
	for _, p := range l.peers {
		if err := p.Close(); err != nil {
			l.t.Error(err)
		}
	}
	if err := errors.Join(l.d.Close(), l.d.Close()); err != nil {
		l.t.Errorf("Close = %v", err)
	}
}

// peer takes the other end of a port that is open or about to be.
func (l *lab) peer(name string) *memport.Peer {
	l.t.Helper()
	var port *memport.Port
	eventually(l.t, "port "+name+" opens", func() bool {
		l.opened.mu.Lock()
		defer l.opened.mu.Unlock()
		port = l.opened.ports[name]
		return port != nil
	})
	p, err := port.Attach()
	if err != nil {
		l.t.Fatal(err)
	}
	l.peers = append(l.peers, p)
	eventually(l.t, "port "+name+" is up", func() bool {
		ports := call(l, api.PortList, api.PortFilter{Name: name})
		return ports[0].Open && ports[0].LinkUp
	})
	return p
}

// opens says how often a port was opened.
func (l *lab) opens(name string) int {
	l.opened.mu.Lock()
	defer l.opened.mu.Unlock()
	return l.opened.opens[name]
}

// call asks the daemon; an error ends the test.
func call[P, R any](l *lab, m api.Method[P, R], params P) R {
	l.t.Helper()
	r, err := api.Call(l.t.Context(), l.client, m, params)
	if err != nil {
		l.t.Fatalf("%s: %v", m, err)
	}
	return r
}

// refuse asks the daemon for what it must refuse with the given code.
func refuse[P, R any](l *lab, m api.Method[P, R], params P, code api.Code) *api.Error {
	l.t.Helper()
	_, err := api.Call(l.t.Context(), l.client, m, params)
	var e *api.Error
	if !errors.As(err, &e) || e.Code != code {
		l.t.Fatalf("%s(%+v) = %v, want %s", m, params, err, code)
	}
	return e
}

// packet is an Ethernet frame of a local experimental type (IEEE 802, 0x88b5) between two hosts.
func packet(from, to byte) []byte {
	p := make([]byte, 60)
	copy(p, []byte{2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5})
	return p
}

// arrives reports whether n packets come out of a peer before long, and no more.
func arrives(t *testing.T, p *memport.Peer, n int) {
	t.Helper()
	got := 0
	eventually(t, "packets arrive", func() bool {
		got += len(p.RecvBytes())
		return got >= n
	})
	if got != n {
		t.Fatalf("%d packets arrived, want %d", got, n)
	}
}

// settled waits until the switch has looked at n packets in all.
func (l *lab) settled(n uint64) {
	l.t.Helper()
	eventually(l.t, "the switch looks at the packets", func() bool {
		st := call(l, api.GetStats, api.Nothing{})
		return st.Packets >= n && counted(st.SlowPath, "served") == counted(st.Caches, "upcall")
	})
}

// counted returns a counter's value.
func counted(list []api.Counter, name string) uint64 {
	for _, c := range list {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}
