package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/config"
)

// page is the documentation that must agree with this package.
const page = "../../docs/configuration.md"

func TestTheDocumentationNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`known here: (.*)`)
	for section, probe := range map[string]string{
		"":             "%s",
		"## control":   "control: {%s}",
		"## metrics":   "metrics: {%s}",
		"## log":       "log: {%s}",
		"## frames":    "frames: {%s}",
		"## workers":   "workers: {%s}",
		"## caches":    "caches: {%s}",
		"## slow-path": "slow-path: {%s}",
		"## profiles":  "profiles: [{name: p, lookup: {kind: learn, options: {flood: 192.0.2.1}}, %s}]",
		"## bridges":   "bridges: [{name: b, %s}]",
		"### lookup":   "profiles: [{name: p, lookup: {kind: learn, %s}}]",
		"### ports":    "bridges: [{name: b, ports: [{name: p, type: tap, %s}]}]",
		"### limits":   "bridges: [{name: b, ports: [{name: p, type: tap, limits: {%s}}]}]",
		"### vlan":     "bridges: [{name: b, ports: [{name: p, type: tap, vlan: {%s}}]}]",
		"### bonds":    "bridges: [{name: b, ports: [{name: p, type: tap}], bonds: [{name: c, members: [p], %s}]}]",
		"### underlay": "bridges: [{name: b, ports: [{name: p, type: tap, underlay: {address: 192.0.2.1/24, %s}}]}]",
		"### mirrors":  "bridges: [{name: b, mirrors: [{name: m, output-vlan: 5, %s}]}]",
		"### gateway":  "bridges: [{name: b, table: gateway, gateway: {%s}}]",

		"### invalidation": "profiles: [{name: p, lookup: {kind: learn}, invalidation: {%s}}]",

		"#### interfaces":   "bridges: [{name: b, table: gateway, gateway: {interfaces: [{name: i, %s}]}}]",
		"#### tagged ports": "bridges: [{name: b, table: gateway, gateway: {interfaces: [{name: i, tagged: [{port: p, %s}]}]}}]",
		"#### routes":       "bridges: [{name: b, table: gateway, gateway: {routes: [{to: 10.0.0.0/8, %s}]}}]",
		"#### neighbours":   "bridges: [{name: b, table: gateway, gateway: {neighbours: [{address: 10.0.0.1, %s}]}}]",
		"#### acl":          "bridges: [{name: b, table: gateway, gateway: {acl: [{action: permit, %s}]}}]",
	} {
		_, err := parse(strings.ReplaceAll(probe, "%s", "zzzzzzzzzzzz: 1"), nil)
		found := known.FindStringSubmatch(err.Error())
		if found == nil {
			t.Fatalf("%q: no list of known keys in %v", section, err)
		}
		for _, key := range strings.Split(found[1], ", ") {
			want := "| `" + key + "` |"
			if section == "" {
				want = "## " + key + "\n"
			}
			_, part, ok := strings.Cut(string(text), section+"\n")
			if section != "" {
				part, _, _ = strings.Cut(part, "\n##")
			}
			if !ok || !strings.Contains(part, want) {
				t.Errorf("%s, %s: no %q", page, section, want)
			}
		}
	}
}

func TestTheExampleOfAGatewayIsRight(t *testing.T) {
	text, err := os.ReadFile("../../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if g := mustParse(t, example, nil).Bridges[0].Gateway; g == nil || len(g.Interfaces) != 3 || len(g.ACL) != 3 {
		t.Errorf("got %+v", g)
	}
}

func TestTheDocumentedExampleIsRight(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	got := mustParse(t, example, nil)
	// Everything in the example but control.group, metrics and bridges is written-out defaults.
	want := config.Default()
	want.Control.Group, want.Metrics, want.Bridges = got.Control.Group, got.Metrics, got.Bridges
	want.Workers.CPUs = got.Workers.CPUs
	if got.Workers.Latency != want.Workers.Latency || got.Workers.Rebalance != want.Workers.Rebalance ||
		got.Caches != want.Caches || got.SlowPath != want.SlowPath || got.Frames != want.Frames ||
		got.Control != want.Control || got.VLANLimit != want.VLANLimit || got.Log != want.Log {
		t.Errorf("the example says %+v, the defaults are %+v", got, want)
	}
	if b := got.Bridges[0]; len(b.Ports) != 3 || len(b.Rules) != 2 {
		t.Errorf("got %+v", b)
	}
}
