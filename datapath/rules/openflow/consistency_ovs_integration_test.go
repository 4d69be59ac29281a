//go:build integration

package openflow

import (
	"errors"
	"os/exec"
	"testing"
)

// TestActionsAreConsistentAsOVSWantsThem holds the table of cases against ovs-ofctl.
func TestActionsAreConsistentAsOVSWantsThem(t *testing.T) {
	path, err := exec.LookPath("ovs-ofctl")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("needs ovs-ofctl: package openvswitch-common")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range consistencyCases {
		err := exec.Command(path, "-OOpenFlow10,OpenFlow13,OpenFlow15", "parse-flow", c.flow).Run()
		if (err == nil) != c.ok {
			t.Errorf("%s: OVS says %v, the table that it is taken: %v", c.flow, err, c.ok)
		}
	}
}
