// Package port opens the ports that a generator sends and receives by. They are the switch's own drivers with their own
// options (docs/configuration.md has them), used from the other end: a vhost-user guest, a device in a network
// namespace, a link in memory.
//
// Thread-safety: all methods are safe for concurrent use.
package port

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netns"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/afpacket"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/pmd/xsk"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// maxPorts bounds how many ports are open at once.
const maxPorts = 64

// A Spec says what to open.
type Spec struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"` // vhost-frontend, afxdp, afpacket or memory
	Options   map[string]string `json:"options,omitempty"`
	Namespace string            `json:"namespace,omitempty"` // path of the network namespace the device is in; default: the process's
}

// A Set is the ports of a generator, by name.
type Set struct {
	drivers map[string]pmd.Driver

	mu    sync.Mutex
	ports map[string]pmd.Port
}

// NewSet returns an empty set whose ports carry frames of pool.
func NewSet(pool *frame.Pool, log *slog.Logger) *Set {
	return &Set{
		ports: make(map[string]pmd.Port),
		drivers: map[string]pmd.Driver{
			"afpacket":          afpacket.New(pool, log),
			"afxdp":             xsk.New(pool, log),
			"memory":            memport.New(pool, log),
			frontend.DriverName: frontend.New(pool, log),
		},
	}
}

// Open opens a port.
func (s *Set) Open(ctx context.Context, spec Spec) error {
	d, ok := s.drivers[spec.Type]
	if !ok {
		return fmt.Errorf("port %q: type %q, want one of %s", spec.Name, spec.Type, strings.Join(slices.Sorted(maps.Keys(s.drivers)), ", "))
	}
	if spec.Name == "" {
		return errors.New("port: no name")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports[spec.Name] != nil {
		return fmt.Errorf("port %q is open already", spec.Name)
	}
	if len(s.ports) == maxPorts {
		return fmt.Errorf("port %q: want at most %d ports", spec.Name, maxPorts)
	}
	var p pmd.Port
	err := inside(spec.Namespace, func() (err error) {
		p, err = d.Open(ctx, spec.Name, spec.Options)
		return err
	})
	if err != nil {
		return err
	}
	s.ports[spec.Name] = p
	return nil
}

// inside runs f in a network namespace.
func inside(path string, f func() error) (err error) {
	if path == "" {
		return f()
	}
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		return fmt.Errorf("find the own network namespace: %w", err)
	}
	defer home.Close()
	other, err := netns.GetFromPath(path)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("network namespace %s: %w", path, err)
	}
	defer other.Close()
	if err := netns.Set(other); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	err = f()
	if back := netns.Set(home); back != nil { // the thread stays locked, and ends with its goroutine
		return errors.Join(err, fmt.Errorf("leave network namespace %s: %w", path, back))
	}
	runtime.UnlockOSThread()
	return err
}

// Get returns an open port.
func (s *Set) Get(name string) (pmd.Port, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.ports[name]
	if p == nil {
		return nil, fmt.Errorf("no port %q, have %s", name, strings.Join(slices.Sorted(maps.Keys(s.ports)), ", "))
	}
	return p, nil
}

// Close closes a port that nobody uses.
func (s *Set) Close(name string) error {
	p, err := s.Get(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.ports, name)
	s.mu.Unlock()
	return p.Close()
}

// CloseAll closes all ports. Nobody may use them any more.
func (s *Set) CloseAll() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.ports)) {
		errs = append(errs, s.ports[name].Close())
	}
	clear(s.ports)
	return errors.Join(errs...)
}

// Await waits until every port has carrier.
func Await(ctx context.Context, ports []pmd.Port) error {
	for {
		i := slices.IndexFunc(ports, func(p pmd.Port) bool { return !p.LinkUp() })
		if i < 0 {
			return nil
		}
		p := ports[i]
		select {
		case <-p.Done():
			return fmt.Errorf("port %s: %w", p.Info().Name, p.Err())
		case <-ctx.Done():
			return fmt.Errorf("port %s has no carrier: %w", p.Info().Name, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}
