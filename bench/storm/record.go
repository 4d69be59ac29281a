package storm

import (
	"fmt"

	"github.com/culvertdev/culvert/bench/result"
)

// What a run of the bench keeps of a storm.
const (
	measureLost      = "lost of the established flows"
	measureCalm      = "lost without a storm"
	measureOffered   = "established flows, offered"
	measureAlone     = "established flows, alone"
	measureForwarded = "new flows forwarded"
	measureObjects   = "objects allocated for each new flow"
	measureChanged   = "rules changed"
)

// RowName names what is measured.
func (o Options) RowName() string {
	if o.Kind == Changes {
		return fmt.Sprintf("changes of %d rules", o.Rules)
	}
	return fmt.Sprintf("%d new flows a second, %s", o.Rate, o.Kind)
}

// Row is what a run of the bench keeps of such storms, of a switch in a version.
func (r *Result) Row(version string) result.Row {
	measures := []result.Measure{
		{Name: measureLost, Unit: "share", Better: result.Less}, {Name: measureCalm, Unit: "share", Better: result.Neither},
		{Name: measureOffered, Unit: "packets/s", Better: result.Neither}, {Name: measureAlone, Unit: "packets/s", Better: result.More},
	}
	if r.Kind == Changes {
		measures = append(measures, result.Measure{Name: measureChanged, Unit: "rules/s", Better: result.More, Bounded: true})
	} else {
		measures = append(measures, result.Measure{Name: measureForwarded, Unit: "flows/s", Better: result.More, Bounded: true},
			result.Measure{Name: measureObjects, Unit: "objects", Better: result.Less})
	}
	return result.Row{
		Name: r.RowName(), Measures: measures,
		Traffic: result.Traffic{
			Task: r.Kind.String(), Protocol: "IPv4, UDP", Flows: r.Flows, FrameBytes: size, Directions: 1,
			Ports: fmt.Sprintf("memory, rings of %d", r.Ring),
		},
		Contenders: []result.Contender{{Name: "culvert", Version: version}},
	}
}

// Window is the storm as it is kept. A host that was late, or a worker that others kept off its CPU, say nothing of the switch.
func (r *Result) Window(round int) result.Window {
	s := &r.Storm
	w := result.Window{
		Contender: "culvert", Round: round, Waited: min(1, s.Waited.Seconds()/s.Time.Seconds()),
		Note: "storm: " + s.established() + "; slow path: " + s.list(s.SlowPath),
		Figures: map[string]float64{
			measureLost: max(0, s.Loss()), measureCalm: max(0, r.Calm.Loss()), measureOffered: s.Rate(s.Sent), measureAlone: r.Alone,
		},
	}
	if r.Kind == Changes {
		w.Figures[measureChanged] = s.Rate(s.Changed)
		w.Limited = s.Rate(s.Changed) > offeredShare*float64(r.Options.Rate)
	} else {
		w.Figures[measureForwarded] = s.Rate(s.NewReceived)
		w.Figures[measureObjects] = float64(s.Mallocs) / float64(max(1, s.New))
		w.Limited = s.Rate(s.NewReceived) > offeredShare*float64(r.Options.Rate)
	}
	if err := Fair(s); err != nil {
		w.Disturbed = err.Error()
	}
	return w
}

// offeredShare is the share of what was offered that a switch keeps up with from which on it is perhaps able to do more.
const offeredShare = 0.99

// What a phase has to be like to say something about the switch: on a machine with two CPUs and others at
// work a worker loses packets because it is not running, and the hosts do not get to send.
const (
	fairShare = 0.8   // of what the hosts are to send is sent
	keptOff   = 0.005 // of the time the worker waits for its CPU
)

// Fair says why a phase shows nothing.
func Fair(p *Phase) error {
	if p.Lost() < 0 {
		return fmt.Errorf("%d packets came from the phase before", -p.Lost())
	}
	if sent := float64(p.Sent) / float64(max(1, p.Sent+p.Late)); sent < fairShare {
		return fmt.Errorf("the hosts sent only %.0f %% of what they should have", 100*sent)
	}
	if p.Moves > 0 {
		return fmt.Errorf("the worker got another thread %d times, because it was kept off its CPU", p.Moves)
	}
	if off := float64(p.Waited) / float64(p.Time); off > keptOff {
		return fmt.Errorf("the worker was kept off its CPU for %.2f %% of the time", 100*off)
	}
	return nil
}
