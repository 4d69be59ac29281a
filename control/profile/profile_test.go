package profile

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
)

func TestEveryKindOfLookUpOpens(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "table")
	if err := os.WriteFile(path, []byte("vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]string{
		"direct": {"end": "192.0.2.1"},
		"file":   {"path": path},
		"learn":  {"flood": "192.0.2.1, 192.0.2.2", "age": "1m"},
		"socket": {"path": filepath.Join(dir, "missing.sock")},
		"svp":    {"server": "127.0.0.1:9"},
	}
	for kind := range lookups {
		c := Config{Lookup: Plugin{Kind: kind, Options: known[kind]}}
		if err := Check(c); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		d, err := Open(c, vtep.Options{Clock: func() int64 { return 1 }})
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		want := vtep.Known
		if kind == "socket" || kind == "svp" {
			want = vtep.Asked
		}
		if r := d.Ask(vtep.ForMAC(7, [6]byte{2, 0, 0, 0, 0, 1}), true); r.State != want {
			t.Errorf("%s: %v, want %v", kind, r.State, want)
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestTheInvalidationIsAPlugInOfItsOwn(t *testing.T) {
	c := Config{
		Lookup:       Plugin{Kind: "direct", Options: map[string]string{"end": "192.0.2.1"}},
		Invalidation: Plugin{Kind: "svp", Options: map[string]string{"server": "127.0.0.1:9", "self": "192.0.2.9"}},
	}
	d, err := Open(c, vtep.Options{Clock: func() int64 { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if o := d.Status(); !o.Look.Up || o.Invalidate.Up || o.Invalidate.Text == "" {
		t.Errorf("status %+v", o)
	}
}

func TestAllThatIsWrongIsSaid(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, `lookup: want one of direct, file, learn, socket, svp`},
		{Config{Lookup: Plugin{Kind: "dns"}}, `found "dns"`},
		{Config{Lookup: Plugin{Kind: "direct"}}, "lookup direct: option end: want an IP address such as 192.0.2.1"},
		{Config{Lookup: Plugin{Kind: "file"}}, "option path: want the path of a file"},
		{Config{Lookup: Plugin{Kind: "learn"}}, "option flood: want addresses of ends"},
		{Config{Lookup: Plugin{Kind: "learn", Options: map[string]string{"flood": "x"}}}, "option flood: want addresses of ends"},
		{Config{Lookup: Plugin{Kind: "socket"}}, "option path: want the path of a unix socket"},
		{Config{Lookup: Plugin{Kind: "svp"}}, "option server: want a server as host or host:port"},
		{Config{Lookup: Plugin{Kind: "svp", Options: map[string]string{"server": "x"}}, Invalidation: Plugin{Kind: "svp",
			Options: map[string]string{"server": "x", "shootdown": "9"}}}, "option shootdown: want an address and a port"},
		{Config{Lookup: Plugin{Kind: "direct", Options: map[string]string{"end": "192.0.2.1", "ent": "x"}}}, "option ent: unknown"},
		{Config{Lookup: Plugin{Kind: "direct", Options: map[string]string{"end": "192.0.2.1"}}, Life: -1}, "want a life"},
		{Config{Lookup: Plugin{Kind: "direct", Options: map[string]string{"end": "192.0.2.1"}}, Invalidation: Plugin{Kind: "x"}}, `invalidation: want one of`},
	} {
		if err := Check(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		if _, err := Open(c.config, vtep.Options{Clock: func() int64 { return 1 }, Self: []netip.Addr{}}); err == nil {
			t.Errorf("opened: %s", c.want)
		}
	}
}
