package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/profile"
)

func TestProfilesAreRead(t *testing.T) {
	c := mustParse(t, `
bridges: [{name: b, ports: [{name: t, type: vxlan, options: {remote_ip: lookup, profile: dc, key: 7}}]}]
profiles:
  - name: dc
    lookup: {kind: learn, options: {flood: [192.0.2.1, 192.0.2.2], age: 1m}}
    invalidation: {kind: svp, options: {server: "svp.example:1296", self: 192.0.2.9}}
    suppress: true
    flood-unknown: true
    life: 10m
    negative-life: 2s
  - {name: lab, lookup: {kind: direct, options: {end: 192.0.2.3}}}
`, nil)
	want := []config.Profile{
		{Name: "dc", Suppress: true, Config: profile.Config{
			Lookup:       profile.Plugin{Kind: "learn", Options: map[string]string{"flood": "192.0.2.1,192.0.2.2", "age": "1m"}},
			Invalidation: profile.Plugin{Kind: "svp", Options: map[string]string{"server": "svp.example:1296", "self": "192.0.2.9"}},
			FloodUnknown: true, Life: 10 * time.Minute, NegativeLife: 2 * time.Second,
		}},
		{Name: "lab", Config: profile.Config{Lookup: profile.Plugin{Kind: "direct", Options: map[string]string{"end": "192.0.2.3"}}}},
	}
	if !reflect.DeepEqual(c.Profiles, want) {
		t.Errorf("got %+v\nwant %+v", c.Profiles, want)
	}
}

func TestMistakesInProfilesAreFoundWhereTheyStand(t *testing.T) {
	const direct = "lookup: {kind: direct, options: {end: 192.0.2.1}}"
	port := func(options string) string {
		return "\nbridges: [{name: b, ports: [{name: t, type: vxlan, options: {remote_ip: lookup, " + options + "}}]}]"
	}
	for in, want := range map[string]string{
		"profiles: [{name: p}]":                                                                                "dir/c.yaml:1:12: profiles[0]: want lookup: who knows where guests are: a mapping with kind and options, found none",
		"profiles: [{" + direct + "}]":                                                                         "want name: the profile's name, found none",
		"profiles: [{name: 7, " + direct + "}]":                                                                "want a name: 1 to 63 letters",
		"profiles: [{name: p, lookup: {kind: dns}}]":                                                           `1:37: profiles[0].lookup.kind: want one of direct, file, learn, socket, svp, found "dns"`,
		"profiles: [{name: p, lookup: {}}]":                                                                    "want kind: one of direct",
		"profiles: [{name: p, lookup: {kind: file}}]":                                                          "1:37: profiles[0].lookup.kind: option path: want the path of a file",
		"profiles: [{name: p, lookup: {kind: direct, options: {end: x}}}]":                                     `1:60: profiles[0].lookup.options.end: want an IP address such as 192.0.2.1, found "x"`,
		"profiles: [{name: p, lookup: {kind: direct, options: {end: 192.0.2.1, ent: x}}}]":                     "profiles[0].lookup.options.ent: unknown",
		"profiles: [{name: p, " + direct + ", invalidation: {kind: svp, options: {server: s, shootdown: 9}}}]": "profiles[0].invalidation.options.shootdown: want an address and a port",
		"profiles: [{name: p, " + direct + ", life: 1ms}]":                                                     "profiles[0].life: want a time with its unit",
		"profiles: [{name: p, " + direct + ", supress: true}]":                                                 `unknown key "supress"; did you mean suppress?`,
		"profiles: [{name: p, " + direct + "}, {name: p, " + direct + "}]":                                     "want a name of its own, found p again",
		"profiles: {name: p}":                                                                                  "want a list of profiles",
		"profiles: [{name: p, " + direct + "}]" + port("profile: q"):                                           `bridges[0].ports[0].options.profile: want one of the profiles p, found "q"`,
		port("profile: q"): "want the name of a profile, of which there are none",
	} {
		_, err := parse(in, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", in, err, want)
		}
	}
}
