package main

import (
	"bytes"
	"os/exec"

	"github.com/culvertdev/culvert/bench/lab"
)

// outputIn runs a command in a namespace and returns its standard output.
func outputIn(n *lab.Namespace, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := n.Start(cmd); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return out.Bytes(), err
}
