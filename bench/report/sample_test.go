package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/culvertdev/culvert/bench/result"
)

// hostile is a text that must not come to anything in a page.
const hostile = `<script>alert(1)</script>"'&{{.}}`

// sampleRun is a run with all that there can be: figures made up, as alike to real ones as the charts need.
func sampleRun() *result.Run {
	r := rand.New(rand.NewPCG(1, 2))
	run := runOf()
	run.Changed = run.Started.Add(40 * time.Minute)
	run.Versions = map[string]string{"Go": "go1.26.8", "Open vSwitch": "3.1.0", "DPDK": "22.11"}
	run.Machine.Mitigations = map[string]string{"spectre_v2": "Mitigation: Enhanced IBRS", "mds": hostile}
	run.Machine.Boot = []string{"isolcpus=1"}
	run.Setup = result.Setup{Deployment: "guest to guest", Generator: "testpmd", Threads: []result.Thread{{Name: "switch", CPU: 1}}, Windows: "3 s each"}
	run.Commands = []string{"make bench VHOST='--rows 2,3' && echo " + hostile}
	for i, flows := range []int{1, 1024, 100_000, 1_000_000} {
		var list []result.Window
		for turn := range 16 {
			name, rate := "culvert", 23.5-3*float64(i)
			if turn%4 == 1 || turn%4 == 2 {
				name, rate = "ovs", 15-1.9*float64(i)
			}
			list = append(list, mpps(name, turn, rate*(1+0.03*r.NormFloat64()), "near"))
			list[turn].Distance = []float64{70, 81}
		}
		run.Rows = append(run.Rows, ratesRow(fmt.Sprintf("packed, 64 bytes, exact match, %d flows", flows), flows, list...))
	}
	run.Rows[0].Windows[4].LeftOut = hostile
	for i := range run.Rows[1].Windows {
		run.Rows[1].Windows[i].Limited = run.Rows[1].Windows[i].Contender == "culvert"
	}
	run.Rows = append(run.Rows, latencyRow(r), stagesRow(), lossRow())
	return run
}

func latencyRow(r *rand.Rand) result.Row {
	row := ratesRow("latency at half load "+hostile, 0)
	row.Measures = []result.Measure{
		{Name: "half within", Unit: "ns", Better: result.Less, Percentile: 50}, {Name: "99.99 % within", Unit: "ns", Better: result.Less, Percentile: 99.99},
	}
	for turn := range 6 {
		w := result.Window{Contender: []string{"culvert", "ovs"}[turn%2], Round: 1, Turn: turn, Class: "far"}
		for _, p := range []float64{50, 90, 99, 99.9, 99.99, 100} {
			slow := 3000 * math.Pow(10, 0.35*-math.Log10(1.0001-p/100)) * (1 + 0.1*r.Float64()) * (1 + 0.5*float64(turn%2))
			if n := len(w.Latency); n > 0 {
				slow = max(slow, w.Latency[n-1].Ns)
			}
			w.Latency = append(w.Latency, result.Percentile{Percent: p, Ns: slow})
		}
		row.Windows = append(row.Windows, w)
	}
	return row
}

func stagesRow() result.Row {
	row := ratesRow("stages", 0)
	names := []string{"receive", "parse", "exact match", "megaflow", "actions", "encapsulation", "transmit", "idle", "the collector", "the kernel"}
	for turn := range 2 {
		w := mpps([]string{"culvert", "ovs"}[turn], turn, 20, "")
		for i, n := range names {
			w.Stages = append(w.Stages, result.Stage{Name: n, Cycles: float64(3 + 7*((i+turn)%5) + 12*turn)})
		}
		row.Windows = append(row.Windows, w)
	}
	return row
}

func lossRow() result.Row {
	row := ratesRow("loss", 0)
	for turn, most := range []float64{20e6, 13e6} {
		w := mpps([]string{"culvert", "ovs"}[turn], turn, most/1e6, "near")
		for offered := 2e6; offered <= 26e6; offered += 3e6 {
			got := min(offered, most)
			if offered > 0.7*most {
				got = min(offered*(1-1e-5), most)
			}
			w.Load = append(w.Load, result.LoadStep{Offered: offered, Received: got})
		}
		row.Windows = append(row.Windows, w)
	}
	return row
}
