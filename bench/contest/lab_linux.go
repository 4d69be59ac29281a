package contest

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// NewLab makes hosts of these names, in the order of the switch's ports p1, p2 and so on. This process keeps to [HostCPU] from then on, and all that is
// started in the switch's namespace to [SwitchCPU].
func NewLab(names ...string) (*lab.Lab, error) {
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		if _, err := l.AddHost(name, fmt.Sprintf("p%d", i+1), lab.Link{}); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	if err := errors.Join(cpu.Confine(cpu.SetOf(HostCPU)), l.Switch.Allow(cpu.SetOf(SwitchCPU))); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
