package rows

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/method"
)

// A runner makes up results.
type runner func(gen.Job) *gen.Result

func (r runner) Run(_ context.Context, j gen.Job, _ func(gen.Progress)) (*gen.Result, error) {
	return r(j), nil
}

// addressesOf are the first source address of a stream's flows, and the one behind the last.
func addressesOf(s gen.Stream) (begin, end uint32) {
	a := s.Source.Address.AsSlice()
	begin = binary.BigEndian.Uint32(a[len(a)-4:])
	return begin, begin + uint32(s.Flows)
}

func TestHowSoonASwitchRecoversFromTooManyNewFlows(t *testing.T) {
	const each = 2 * time.Second
	var job gen.Job
	b := &Bench{From: "a", To: "b", Generator: runner(func(j gen.Job) *gen.Result {
		job = j
		return &gen.Result{Streams: []gen.StreamResult{
			{Offered: 22_000, Lost: 2000, Report: sink.Report{Received: 20_000}},
			{Offered: 9000, Lost: 30, LastLost: 900, Report: sink.Report{Received: 8970}}, // the generator left out a tenth
		}, Limits: []string{"late"}, OnlyPace: true}
	})}
	v, err := b.SetupRecovery(t.Context(), 10_000, each)
	must(t, err)
	over, after := job.Streams[0], job.Streams[1]
	if over.Rate != 11_000 || over.After != 0 || over.Until != gen.Duration(each) || after.Rate != 5000 || after.After != gen.Duration(each) || job.Time != gen.Duration(2*each) {
		t.Errorf("overload of %+v, then %+v, for %v", over, after, time.Duration(job.Time))
	}
	if over.Flows != 22_000 || after.Flows != 10_000 {
		t.Errorf("%d and %d flows, want each frame to be the first of one", over.Flows, after.Flows)
	}
	_, end := addressesOf(over)
	if begin, _ := addressesOf(after); end > begin {
		t.Errorf("flows of the overload up to %x come again from %x on", end, begin)
	}
	if v.Overload != 11_000 || v.Relief != 4500 || !v.Overloaded || v.LostOver != 2000 || v.LostAfter != 30 || len(v.Limits) != 1 {
		t.Errorf("%+v", v)
	}
	if v.After != 200*time.Millisecond || !v.Recovered { // 900 frames at what was really offered
		t.Errorf("recovered after %v, %v; want 200ms", v.After, v.Recovered)
	}
}

func TestWithoutAnOverloadThereIsNoRecovery(t *testing.T) {
	b := &Bench{From: "a", To: "b", Generator: runner(func(gen.Job) *gen.Result {
		return &gen.Result{Streams: []gen.StreamResult{{Offered: 11_000}, {Offered: 5000}}}
	})}
	v, err := b.SetupRecovery(t.Context(), 10_000, time.Second)
	must(t, err)
	if figures := v.Record().Window.Figures; v.Overloaded || len(figures) != 2 {
		t.Errorf("%+v is kept as %v, want no time of recovery", v, figures)
	}
}

func TestAnOverloadHasItsBounds(t *testing.T) {
	b := &Bench{From: "a", To: "b", Generator: runner(func(gen.Job) *gen.Result { return nil })}
	if _, err := b.SetupRecovery(t.Context(), stream.MaxFlows, time.Second); err == nil || !strings.Contains(err.Error(), "new flows, want at most") {
		t.Errorf("more flows than there are: %v", err)
	}
	for _, throughput := range []float64{0, -1} {
		if _, err := b.SetupRecovery(t.Context(), throughput, time.Second); err == nil {
			t.Errorf("a throughput of %v", throughput)
		}
	}
	if _, err := b.SetupRecovery(t.Context(), 1, 0); err == nil {
		t.Error("for no time")
	}
	b.Spec.Order = "random"
	if _, err := b.SetupRecovery(t.Context(), 1000, time.Second); err == nil || !strings.Contains(err.Error(), "want cyclic") {
		t.Errorf("flows at random: %v", err)
	}
}

func TestLatencyOfALimitedGeneratorIsNotKeptAsTheSwitchs(t *testing.T) {
	trial := method.Tried{Rate: 1e6, Duration: time.Second, Outcome: method.Outcome{Offered: 1e6, P50: 1000, P99: 2000, P999: 3000, P9999: 4000}}
	if w := RecordLatency(0.5, trial).Window; len(w.Latency) != 4 || w.Limited {
		t.Errorf("of a switch: %+v", w)
	}
	trial.Limits = []string{"the generator did not keep up"}
	if w := RecordLatency(0.5, trial).Window; w.Latency != nil || !w.Limited {
		t.Errorf("of a generator: %+v", w)
	}
}

func TestWhatIsSaidOfARateThatPassedDoesNotHideALimit(t *testing.T) {
	passed := method.Tried{Rate: 1e6, Outcome: method.Outcome{Offered: 1e6, Again: 2}}
	limited := method.Tried{Rate: 2e6, Outcome: method.Outcome{Limits: []string{"the generator did not keep up"}}}
	const again = "no loss: 2 parts made again, others had the switch's CPU"
	for _, tt := range []struct {
		found method.Found
		want  string
	}{
		{method.Found{Passed: &passed, Failed: &method.Tried{Rate: 1.01e6}}, again},
		{method.Found{Passed: &passed, Limited: &limited}, "no higher rate could be tried: the generator did not keep up; " + again},
		{method.Found{Passed: &passed, Failed: &method.Tried{Rate: 1.01e6}, Trials: 5, Exceeded: 2}, again + "; no loss: more was lost in 2 of 5 trials at the rate"},
	} {
		if got := RecordFound("throughput", "packets/s", []method.Found{tt.found}).Window.Note; got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// What others see of a rate that was not found is that it is more, perhaps, and why.
func TestARateThatWasNotFoundIsKeptAsAtLeastThat(t *testing.T) {
	near := &method.Tried{Rate: 4e6, Outcome: method.Outcome{Offered: 4e6, Class: "near", Probes: []float64{100, 100}}}
	bad := &method.Tried{Rate: 6e6, Outcome: method.Outcome{Offered: 6e6, Lost: 1e6, Class: "near"}}
	far := &method.Tried{Rate: 2e6, Outcome: method.Outcome{Offered: 2e6, Class: "far"}}
	f := method.Found{Passed: near, Failed: bad, Open: true, Conditional: 4e6, Others: []method.Found{{Passed: far, Open: true}, {Open: true}}}
	little := f
	little.Loss, little.Open, little.Conditional = 0.005, false, 3.99e6
	w := RecordFound("throughput", "packets/s", []method.Found{f, little}).Window
	if !w.Limited || w.Class != "near" || w.Figures["no loss"] != 4e6 || w.Figures["loss of 0.5 % at most, conditional throughput"] != 3.99e6 {
		t.Errorf("got %+v", w)
	}
	if !slices.Equal(w.Exact, []string{"loss of 0.5 % at most", "loss of 0.5 % at most, conditional throughput"}) {
		t.Errorf("exact are %q, want those of the goal that was reached", w.Exact)
	}
	const want = "the trials were at an end, the machine changed too often, CPUs near: 4000000 packets/s passed: 6000000 packets/s did not, CPUs far: 2000000 packets/s passed"
	if w.Note != want {
		t.Errorf("said is %q, want %q", w.Note, want)
	}
	if w := RecordFound("throughput", "packets/s", []method.Found{{Open: true}, {Loss: 0.005, Open: true}}).Window; len(w.Figures) != 0 || !w.Limited {
		t.Errorf("nothing is known, and kept is %+v", w)
	}
	if w := RecordLearnRate(method.Found{Failed: bad, Open: true}, nil).Window; len(w.Figures) != 0 || !w.Limited {
		t.Errorf("nothing is known, and kept is %+v", w)
	}
}
