package tunnel

import (
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/encap"
)

// Together are tunnels that can be open at the same time: no two are the same, packets to a UDP port are of one type, and
// there are not more UDP ports than workers know. The zero value is none.
//
// Thread-safety: none.
type Together struct {
	names map[Identity]string // of ports
	users map[uint16]users    // by UDP port
}

// The users of a UDP port are the ports whose tunnels' packets are sent to it.
type users struct {
	typ   encap.Type
	names []string
}

// Add adds the tunnel of a port, unless it cannot be open with those that are there. Then the error names the port that is in
// its way, and says which option is to be another.
func (t *Together) Add(name string, c *Config) error {
	id := c.Identity()
	if other, ok := t.names[id]; ok {
		return fmt.Errorf("port %s is the same tunnel as port %s: %s", name, other, id)
	}
	if err := t.use(name, c); err != nil {
		return err
	}
	if t.names == nil {
		t.names = make(map[Identity]string)
	}
	t.names[id] = name
	return nil
}

// use adds a user of the tunnel's UDP port, if it has one.
func (t *Together) use(name string, c *Config) error {
	if !c.Type.UDP() {
		return nil
	}
	u, used := t.users[c.DstPort]
	switch {
	case !used && len(t.users) >= encap.MaxPorts:
		return fmt.Errorf("port %s, of type %s, has dst_port %d: others use %d UDP ports, and no more fit", name, c.Type, c.DstPort, encap.MaxPorts)
	case used && u.typ != c.Type:
		return fmt.Errorf("port %s, of type %s, has dst_port %d, which is that of port %s, of type %s", name, c.Type, c.DstPort, u.names[0], u.typ)
	}
	if t.users == nil {
		t.users = make(map[uint16]users)
	}
	t.users[c.DstPort] = users{c.Type, append(u.names, name)}
	return nil
}

// Remove removes the tunnel of a port that was added.
func (t *Together) Remove(name string, c *Config) {
	delete(t.names, c.Identity())
	if !c.Type.UDP() {
		return
	}
	u := t.users[c.DstPort]
	if i := slices.Index(u.names, name); i >= 0 {
		u.names = slices.Delete(u.names, i, i+1)
	}
	if t.users[c.DstPort] = u; len(u.names) == 0 {
		delete(t.users, c.DstPort)
	}
}
