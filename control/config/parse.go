package config

import (
	"maps"
	"os"
	"slices"
)

// MaxRules is the longest flows-file in bytes.
const MaxRules = 32 << 20

// A Source is a configuration to be checked, and what checking it needs.
type Source struct {
	Name string // file name, for errors; a flows-file lies relative to its directory
	Text string // YAML
	// ReadFile reads a flows-file.
	ReadFile func(path string) ([]byte, error)
	Drivers  PortTypes
}

// PortTypes are the types of port there are, each with a function that says what is wrong with a port's
// options: one error, or several joined.
type PortTypes map[string]func(options map[string]string) error

// names returns the types, sorted.
func (t PortTypes) names() []string { return slices.Sorted(maps.Keys(t)) }

// Load checks the configuration file at path.
func Load(path string, drivers PortTypes) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Unreadable(path, err)
	}
	return Parse(Source{Name: path, Text: string(text), ReadFile: os.ReadFile, Drivers: drivers})
}

// Parse checks a configuration and returns it with all defaults, or everything that is wrong with it
// as [Errors].
func Parse(s Source) (*Config, error) {
	root, err := parseYAML(s.Name, s.Text)
	if err != nil {
		return nil, err
	}
	c := Default()
	if root == nil {
		return &c, nil
	}
	r := &reader{file: s.Name}
	m, ok := value{r: r, node: root}.mapping("a mapping of keys to values")
	if ok {
		readConfig(&m, &c)
		b := bridges{source: s, reader: r}
		m.get("profiles", func(v value) { c.Profiles = b.profileList(v) })
		m.get("bridges", func(v value) { c.Bridges = b.read(v) })
		m.finish()
	}
	if len(r.errs) > 0 {
		return nil, r.errs.sorted(s.Name)
	}
	return &c, nil
}
