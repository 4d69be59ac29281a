package config

import (
	"slices"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow/near"
	"github.com/goccy/go-yaml/ast"
)

// A mapping reads the keys of one mapping. Each key asked for becomes known; finish reports those
// that nobody asked for.
type mapping struct {
	value
	given map[string]value
	keys  map[string]value // the key itself, for errors about it
	order []string         // of given, as in the file
	known []string
}

// isMapping reports whether the value is one.
func (v value) isMapping() bool {
	switch v.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// mapping returns the value as a mapping; ok is false, and the error reported, when it is none.
func (v value) mapping(want string) (m mapping, ok bool) {
	m = mapping{value: v, given: make(map[string]value), keys: make(map[string]value)}
	var pairs []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		v.bad(want)
		return m, false
	}
	for _, p := range pairs {
		m.add(p)
	}
	return m, true
}

// add takes up one pair of the mapping.
func (m *mapping) add(p *ast.MappingValueNode) {
	key := value{r: m.r, node: p.Key, key: m.key}
	switch p.Key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
	default:
		key.bad("a key")
		return
	}
	name := p.Key.GetToken().Value
	if first, again := m.keys[name]; again {
		key.fail("want each key once, found %s again; the first is in line %d", brief(name), first.place().Line)
		return
	}
	path := name
	if m.key != "" {
		path = m.key + "." + name
	}
	m.keys[name] = key
	m.order = append(m.order, name)
	m.given[name] = value{r: m.r, node: p.Value, key: path}
}

// get calls read with the value of the key, if it was given.
func (m *mapping) get(name string, read func(value)) {
	m.known = append(m.known, name)
	v, ok := m.given[name]
	if !ok {
		return
	}
	if _, null := v.node.(*ast.NullNode); null {
		v.node = m.keys[name].node // nothing has no place
		v.fail("want a value, found nothing; leave the key out for its default")
		return
	}
	read(v)
}

// has reports whether the key was given.
func (m *mapping) has(name string) bool {
	_, ok := m.given[name]
	return ok
}

// section calls read with the mapping that is the key's value, and then finishes it.
func (m *mapping) section(name string, read func(*mapping)) {
	m.get(name, func(v value) {
		if s, ok := v.mapping("a mapping of keys to values"); ok {
			read(&s)
			s.finish()
		}
	})
}

// require reports a missing key.
func (m *mapping) require(name, what string) {
	if !m.has(name) {
		m.fail("want %s: %s, found none", name, what)
	}
}

// finish reports the keys nobody asked for.
func (m *mapping) finish() {
	for _, name := range m.order {
		if !slices.Contains(m.known, name) {
			hint := near.Hint(name, m.known)
			if hint == "" {
				hint = "; known here: " + strings.Join(m.known, ", ")
			}
			m.keys[name].fail("unknown key %q%s", brief(name), hint)
		}
	}
}
