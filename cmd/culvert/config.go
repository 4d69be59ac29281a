package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
)

type configCheckCmd struct {
	File string `arg:"" help:"Configuration file."`
}

func (c *configCheckCmd) Run(e *env) error {
	checked, err := config.Load(c.File, drivers().Types())
	if err != nil {
		return err
	}
	ports, rules := 0, 0
	for _, b := range checked.Bridges {
		ports += len(b.Ports)
		rules += len(b.Rules)
	}
	answer := struct {
		File    string `json:"file"`
		Bridges int    `json:"bridges"`
		Ports   int    `json:"ports"`
		Rules   int    `json:"rules"`
	}{c.File, len(checked.Bridges), ports, rules}
	return e.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "%s is right: %d %s, %d %s, %d %s\n", c.File, len(checked.Bridges),
			plural(len(checked.Bridges), "bridge", "bridges"), ports, plural(ports, "port", "ports"), rules, plural(rules, "rule", "rules"))
	})
}

type configApplyCmd struct {
	File string `arg:"" help:"Configuration file."`
}

func (c *configApplyCmd) Run(e *env) error {
	sent, err := readConfiguration(c.File)
	if err != nil {
		return err
	}
	return show(e, api.ConfigApply, sent, printApplied)
}

// readConfiguration reads a configuration and the files it names. The daemon checks it again: its
// drivers may be others.
func readConfiguration(path string) (api.Configuration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return api.Configuration{}, config.Unreadable(path, err)
	}
	sent := api.Configuration{Name: path, Text: string(text), Files: make(map[string]string)}
	_, err = config.Parse(config.Source{
		Name: path, Text: sent.Text, Drivers: drivers().Types(),
		ReadFile: func(name string) ([]byte, error) {
			text, err := os.ReadFile(name)
			sent.Files[name] = string(text)
			return text, err
		},
	})
	return sent, err
}

func printApplied(w io.Writer, a api.Applied) {
	for _, part := range []struct {
		what  string
		names []string
	}{{"added", a.PortsAdded}, {"removed", a.PortsRemoved}, {"changed", a.PortsChanged}} {
		if len(part.names) > 0 {
			fmt.Fprintf(w, "ports %s: %s\n", part.what, strings.Join(part.names, ", "))
		}
	}
	fmt.Fprintf(w, "rules added: %d, removed: %d\n", a.RulesAdded, a.RulesRemoved)
	for _, key := range a.Restart {
		fmt.Fprintf(w, "%s has a new value that waits for a restart\n", key)
	}
}
