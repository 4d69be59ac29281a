package config

import (
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
)

// tunnel reports a tunnel that cannot be open with those of the ports before it, at its UDP port if its options say one. at is where
// the options of its port stand, typ where its type does.
func (r *bridges) tunnel(p *Port, at map[string]value, typ value) {
	t, err := encap.ParseType(p.Type)
	if err != nil || p.Name == "" {
		return
	}
	c, err := tunnel.Parse(t, p.Options)
	if err != nil {
		return // which the type's check has reported
	}
	if err := r.together.Add(p.Name, c); err != nil {
		if v, ok := at["dst_port"]; ok {
			typ = v
		}
		typ.fail("%v", err)
	}
}
