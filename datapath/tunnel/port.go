package tunnel

import (
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// A Port is an open tunnel port. It has no queues: see the package.
//
// Thread-safety: all methods are safe for concurrent use.
type Port struct {
	set     *Set
	name    string
	config  *Config
	counter uint16     // that numbers its packets (encap.Outer)
	errors  icmp.Limit // of messages that packets are too long
	tally   tally
	done    chan struct{} // never closed: nothing takes a tunnel away
	close   sync.Once
}

// Config returns what the port's options say. The caller must not change it.
func (p *Port) Config() *Config { return p.config }

// Name returns the port's name.
func (p *Port) Name() string { return p.name }

// Info implements pmd.Port. Unlike a device's, a tunnel's MTU and notes follow the underlay.
func (p *Port) Info() pmd.Info {
	return pmd.Info{Name: p.name, Driver: p.config.Type.String(), MTU: p.MTU(), NUMA: -1, Notes: p.notes()}
}

// RxQueues implements pmd.Port: there are none.
func (p *Port) RxQueues() []pmd.RxQueue { return nil }

// TxQueues implements pmd.Port: there are none.
func (p *Port) TxQueues() []pmd.TxQueue { return nil }

// LinkUp implements pmd.Port: whether there is a way to the other end. A tunnel whose other end the flow or a
// look-up says is always up.
func (p *Port) LinkUp() bool {
	if p.config.Remote.From != Fixed {
		return true
	}
	_, status := p.way()
	return status == underlay.OK || status == underlay.Asked
}

// Done implements pmd.Port.
func (p *Port) Done() <-chan struct{} { return p.done }

// Err implements pmd.Port.
func (p *Port) Err() error { return nil }

// Samples implements pmd.Port: what is not counted by workers, who count a tunnel's packets.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample { return p.tally.samples(dst) }

// Close implements pmd.Port.
func (p *Port) Close() error {
	p.close.Do(func() { p.set.remove(p) })
	return nil
}

// way returns the way to the other end that the options say, of packets without a mark of their own.
func (p *Port) way() (underlay.Way, underlay.Status) {
	c := p.config
	return p.set.router.Route(c.Remote.Addr, c.Local.Addr, c.Mark, hashOf(c.Remote.Addr, c.OutKey.ID))
}

// MTU implements rules.Tunnel: the bytes of the largest layer-3 packet in an untagged Ethernet frame that goes
// to the other end in one piece, or, where the flow or a look-up says which end that is, to any. It is 0 while there is no
// way.
func (p *Port) MTU() int {
	if p.config.Remote.From != Fixed {
		return p.config.leastMTU(p.set.router.Exits())
	}
	w, status := p.way()
	if status != underlay.OK {
		return 0
	}
	return p.config.innerMTU(&w)
}

// notes says where packets go and why they do not, for people.
func (p *Port) notes() []pmd.Note {
	c := p.config
	notes := []pmd.Note{{Key: "remote", Value: c.Remote.Text()}}
	if c.Remote.From == Lookup {
		notes = append(notes, pmd.Note{Key: "profile", Value: c.Profile})
	}
	if c.OutKey.From == Fixed {
		notes = append(notes, pmd.Note{Key: "key", Value: fmt.Sprint(c.OutKey.ID)})
	}
	if c.Remote.From != Fixed {
		if mtu := p.MTU(); mtu != 0 {
			notes = append(notes, pmd.Note{Key: "overlay MTU", Value: fmt.Sprint(mtu)})
		}
		return notes
	}
	w, status := p.way()
	if status != underlay.OK {
		return append(notes, pmd.Note{Key: "way", Value: "none", Reason: status.String()})
	}
	return append(notes, pmd.Note{Key: "way", Value: wayText(&w)}, pmd.Note{Key: "overlay MTU", Value: fmt.Sprint(p.MTU())})
}

// Way says where packets to a fixed end go, and if they do not go there, why; "" with other ends.
func (p *Port) Way() (way, reason string) {
	if p.config.Remote.From != Fixed {
		return "", ""
	}
	w, status := p.way()
	if status != underlay.OK {
		return "", status.String()
	}
	return wayText(&w), ""
}

// wayText says where a way leads, for people.
func wayText(w *underlay.Way) string {
	via := fmt.Sprintf("port %s to %s from %s", w.Name, net.HardwareAddr(w.DstMAC[:]), w.Src)
	if w.VLAN != 0 {
		via += fmt.Sprintf(" in VLAN %d", w.VLAN)
	}
	return via
}

// Text returns the key as the options say it.
func (k Key) Text() string {
	switch k.From {
	case Fixed:
		return strconv.FormatUint(uint64(k.ID), 10)
	case Flow:
		return "flow"
	}
	return "none"
}

// Text returns the end as the options say it.
func (e End) Text() string {
	switch e.From {
	case Fixed:
		return e.Addr.String()
	case Lookup:
		return "lookup"
	case Flow:
		return "flow"
	}
	return "any"
}
