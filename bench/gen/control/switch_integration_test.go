//go:build integration

package control

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/testpmd"
)

// generator starts a generator in its own process, with these ports.
func generator(t *testing.T, program string, ports ...port.Spec) *Client {
	t.Helper()
	c, err := Start(exec.Command(program, "bench", "gen"), nil)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	for _, p := range ports {
		must(t, c.Open(p))
	}
	return c
}

// pass sends so many frames each way, of these sizes and several flows, and returns what became of them.
func pass(t *testing.T, c *Client, sizes string, count uint64, linger time.Duration) *gen.Result {
	t.Helper()
	spec := stream.Spec{Size: sizes, Flows: 20}
	back := spec
	back.Source, back.Destination = stream.Endpoint{MAC: "02:00:00:00:00:02"}, stream.Endpoint{MAC: "02:00:00:00:00:01"}
	r, err := c.Run(t.Context(), gen.Job{
		Time: gen.Duration(time.Minute), Rest: true, Linger: gen.Duration(linger),
		Streams: []gen.Stream{
			{From: "a", To: "b", Rate: 5000, Count: count, Spec: spec},
			{From: "b", To: "a", Rate: 5000, Count: count, Spec: back},
		},
	}, nil)
	must(t, err)
	return r
}

// both sees that all frames arrive, in order and once, when the switch has come to know the flows: before, those of one
// may pass those of another.
func both(t *testing.T, c *Client, sizes string, count uint64) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		r := pass(t, c, sizes, 40, time.Second)
		if r.Streams[0].Lost+r.Streams[1].Lost == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("frames do not pass: %+v", r)
		}
	}
	r := pass(t, c, sizes, count, 20*time.Second)
	for _, s := range r.Streams {
		if s.Offered != count || s.Received != count || s.Reordered+s.Duplicates+s.Astray+s.Refused != 0 || s.Latency == nil || s.First == 0 {
			t.Errorf("%+v", s)
		}
	}
	t.Logf("%s: half within %v, first frame %v", r.Clock, time.Duration(r.Latency.P50), time.Duration(r.Streams[0].First))
}

// mixed are sizes that fit an MTU of 1500.
const mixed = "64:3,1500:1"

// small keeps the arena of a daemon small.
const small = "frames: {buffers: 8192, hugepages: never}\n"

func TestFramesPassThroughCulvert(t *testing.T) {
	for _, l := range lab.Missing() {
		t.Skip(l)
	}
	scratch, _, err := lab.NewScratch("culvert-gen-")
	must(t, err)
	defer func() { must(t, scratch.Close()) }()
	program := filepath.Join(scratch.Path, "culvert")
	must(t, daemon.Build(program))
	for _, rings := range []string{"packed", "split"} {
		t.Run("vhost-user, "+rings, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			l, err := lab.New()
			must(t, err)
			defer func() { must(t, l.Close()) }()
			dir := filepath.Join(scratch.Path, rings)
			config := small + "bridges:\n  - name: br0\n    flows: ['in_port=1,actions=2', 'in_port=2,actions=1']\n    ports:\n"
			var ports []port.Spec
			for i, name := range []string{"a", "b"} {
				path := filepath.Join(scratch.Path, rings+name)
				config += fmt.Sprintf("      - {name: %s, type: vhost-user, number: %d, options: {path: %q, mtu: 9000}}\n", name, i+1, path)
				ports = append(ports, port.Spec{Name: name, Type: "vhost-frontend", Options: map[string]string{
					"path": path, "packed": fmt.Sprint(rings == "packed"), "mtu": "9000",
				}})
			}
			d, err := daemon.Start(ctx, daemon.Options{Namespace: l.Switch, Binary: program, Dir: dir, Config: config})
			must(t, err)
			defer func() { must(t, d.Stop()) }()
			both(t, generator(t, program, ports...), "64:3,1500:1,9000:1", 3000)
		})
	}
	for _, kind := range []string{"afpacket", "afxdp"} {
		t.Run(kind, func(t *testing.T) { throughDevices(t, scratch.Path, program, kind) })
	}
}

// throughDevices sends by ports of a kind in the namespaces of two hosts.
func throughDevices(t *testing.T, scratch, program, kind string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, err := lab.New()
	must(t, err)
	defer func() { must(t, l.Close()) }()
	config := small + "bridges:\n  - name: br0\n    flows: ['in_port=1,udp,tp_dst=7,actions=2', 'in_port=2,udp,tp_dst=7,actions=1', 'actions=drop']\n    ports:\n"
	var ports []port.Spec
	for i, name := range []string{"a", "b"} {
		h, err := l.AddHost(name, "p"+name, lab.Link{})
		must(t, err)
		config += fmt.Sprintf("      - {name: p%s, type: afxdp, number: %d}\n", name, i+1)
		// A process in the host's namespace is what names it.
		keep := exec.Command("sleep", "infinity")
		must(t, h.Start(keep))
		defer func() { _ = keep.Process.Kill(); _ = keep.Wait() }()
		ports = append(ports, port.Spec{
			Name: name, Type: kind, Options: map[string]string{"device": lab.HostLink}, Namespace: fmt.Sprintf("/proc/%d/ns/net", keep.Process.Pid),
		})
	}
	d, err := daemon.Start(ctx, daemon.Options{Namespace: l.Switch, Binary: program, Dir: filepath.Join(scratch, kind), Config: config})
	must(t, err)
	defer func() { must(t, d.Stop()) }()
	_, err = d.WaitOpen(ctx)
	must(t, err)
	c := generator(t, program, ports...)
	both(t, c, mixed, 2000)
	for _, name := range []string{"a", "b"} {
		must(t, c.ClosePort(name))
	}
}

func TestFramesPassThroughTestpmd(t *testing.T) {
	if err := testpmd.Missing(); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	scratch, _, err := lab.NewScratch("culvert-gen-")
	must(t, err)
	defer func() { must(t, scratch.Close()) }()
	program := filepath.Join(scratch.Path, "culvert")
	must(t, daemon.Build(program))
	var ports []port.Spec
	o := testpmd.Options{Name: "loop", Mode: "io", CPU: 1, Memory: 192, NoHuge: true, Buffers: 16384}
	for _, name := range []string{"a", "b"} {
		path := filepath.Join(scratch.Path, name)
		o.Ports = append(o.Ports, testpmd.Backend{Socket: path, Client: true})
		ports = append(ports, port.Spec{Name: name, Type: "vhost-frontend", Options: map[string]string{"path": path}})
	}
	pmd, err := testpmd.Start(ctx, o)
	must(t, err)
	defer func() { must(t, pmd.Stop()) }()
	must(t, pmd.Forward(ctx))
	both(t, generator(t, program, ports...), mixed, 3000)
}
