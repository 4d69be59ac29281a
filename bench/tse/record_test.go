package main

import (
	"path/filepath"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

func TestASampleIsARowForEachPhase(t *testing.T) {
	o := options{victim: 1000, rounds: 1}
	phases := []phase{{}, {attack: 500}}
	s := sample{
		contender: "ovs-afxdp", version: "3.1.0", config: []string{"ports: type=afxdp"}, rules: []string{"actions=drop"},
		results: []outcome{
			{offered: [2]float64{1000, 1000}, received: [2]float64{1000, 800}, cached: "10 flows"},
			{offered: [2]float64{1000, 1000}, received: [2]float64{500, 200}, cached: "9000 flows"},
		},
	}
	path := filepath.Join(t.TempDir(), "run.json")
	b, err := result.Open(path, o.run(nil, "go run ./bench/tse"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to add
		if err := s.add(b, o, phases, 1, 0); err != nil {
			t.Fatal(err)
		}
	}
	r, err := result.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 2 || len(r.Rows[1].Windows) != 1 || !has(b, phases, "ovs-afxdp", 1, 0) || has(b, phases, "ovs-afxdp", 1, 1) {
		t.Fatalf("%+v", r.Rows)
	}
	clean, attacked := r.Rows[0].Windows[0].Figures, r.Rows[1].Windows[0].Figures
	if clean[measureBehind] != 800 || attacked[measureBeside] != 0.5 || attacked[measureBehind] != 0.25 {
		t.Errorf("clean %v, attacked %v", clean, attacked)
	}
	flood := sample{contender: "culvert", results: []outcome{{received: [2]float64{200_000}, user: 0.6, system: 0.2, cached: "-"}}}
	o.newFlows = true
	if b, err = result.Open("", o.run(nil)); err != nil {
		t.Fatal(err)
	}
	if err := flood.add(b, o, []phase{{flood: true}}, 1, 0); err != nil {
		t.Fatal(err)
	}
	if f := b.Rows[0].Windows[0].Figures; f[measureNew] != 200_000 || f[measureEach] != 4000 {
		t.Errorf("a flood: %v", f)
	}
}
