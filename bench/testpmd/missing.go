package testpmd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// pluginsOf is where Debian and Ubuntu have the drivers that DPDK loads when it starts.
const pluginsOf = "/usr/lib/*/dpdk/pmds-*/librte_net_%s.so*"

// Missing says what testpmd lacks on this machine, nil if nothing.
func Missing() error {
	if _, err := exec.LookPath("dpdk-testpmd"); err != nil {
		return fmt.Errorf("%w (package dpdk-dev)", err)
	}
	if _, err := exec.LookPath("stdbuf"); err != nil {
		return fmt.Errorf("%w (package coreutils)", err)
	}
	for driver, debian := range map[string]string{"virtio": "librte-net-virtio23", "vhost": "librte-net-vhost23"} {
		found, err := filepath.Glob(fmt.Sprintf(pluginsOf, driver))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("DPDK's driver %s: %w (package %s)", driver, os.ErrNotExist, debian)
		}
	}
	return nil
}
