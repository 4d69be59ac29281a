package storm

import (
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/culvertdev/culvert/pmd/cpu"
)

// ErrCPUs: the process may use one CPU only, so that no worker can have one to itself.
var ErrCPUs = errors.New("storm: the process may use one CPU only, want two")

// What control/daemon tells the Go runtime, too.
const (
	gcPercent  = 400
	spareProcs = 2
)

// ourProcs is for what stands beside the switch here: the hosts, and who changes rules.
const ourProcs = 2

// A machine is how the process was before a CPU was set aside for a worker.
type machine struct {
	worker  int // CPU
	allowed cpu.Set
	procs   int
	percent int
}

// reserve sets a CPU aside for one worker and prepares the Go runtime as the daemon does. The slices of threads stay as they are,
// where the daemon's are short (cpu.ShortSlices): the host that sends is a thread of this process, too, and would be late as soon
// as another on its CPU has anything to do.
func reserve() (machine, error) {
	allowed, err := cpu.Affinity()
	if err != nil {
		return machine{}, err
	}
	if allowed.Len() < 2 {
		return machine{}, ErrCPUs
	}
	t, err := cpu.Discover()
	if err != nil {
		return machine{}, err
	}
	plan, err := cpu.Plan(1, t, cpu.Set{})
	if err != nil {
		return machine{}, err
	}
	m := machine{worker: plan.Workers[0], allowed: allowed}
	m.procs = runtime.GOMAXPROCS(max(runtime.NumCPU(), 1+spareProcs+ourProcs))
	m.percent = debug.SetGCPercent(gcPercent)
	if err := cpu.Confine(plan.Housekeeping); err != nil {
		return machine{}, errors.Join(err, m.release())
	}
	return m, nil
}

// release undoes reserve. The worker has ended.
func (m *machine) release() error {
	runtime.GOMAXPROCS(m.procs)
	debug.SetGCPercent(m.percent)
	return cpu.Confine(m.allowed)
}
