package table

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/culvertdev/culvert/encap/vtep"
)

// Bounds of a table.
const (
	MaxBytes  = 64 << 20 // of the file
	MaxGuests = 1 << 20
)

// An Error says what is wrong with a table, and where.
type Error struct {
	Line, Column int // from 1; columns are bytes
	Text         string
}

// Error returns the error as "line:column: text".
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Text) }

// answers is a table as it is asked.
type answers map[vtep.Question]vtep.Answer

// parse reads a table:
//
//	# a comment
//	vni 7 mac 02:00:00:00:00:01 ip 10.0.0.1 ip 2001:db8::1 end 192.0.2.1
//	vni 7 mac 02:00:00:00:00:02 end 192.0.2.2 port 8472 key 8
//	vni 7 flood end 192.0.2.1 end 192.0.2.2
//
// One line is one guest, or the ends of a VNI that get what goes to all. A VNI without such a line floods to
// all ends that its guests are at. The key is the VNI if it is not given.
func parse(data []byte) (answers, error) {
	p := parser{table: make(answers), flooded: make(map[uint32]bool)}
	if len(data) > MaxBytes {
		return nil, &Error{1, 1, fmt.Sprintf("the table is longer than %d bytes", MaxBytes)}
	}
	for line := range bytes.Lines(data) {
		p.line++
		p.words = split(line, p.words[:0])
		if len(p.words) == 0 {
			continue
		}
		if err := p.one(); err != nil {
			return nil, err
		}
	}
	return p.table, nil
}

// one reads a line.
func (p *parser) one() error {
	if !p.is("vni") {
		p.take()
		return p.wrong("%q instead of \"vni\"", p.last.text)
	}
	vni, err := p.number("VNI", 32)
	if err != nil {
		return err
	}
	switch p.take() {
	case "mac":
		return p.guest(uint32(vni))
	case "flood":
		return p.flood(uint32(vni))
	}
	return p.wrong("%q instead of \"mac\" or \"flood\"", p.last.text)
}

func (p *parser) number(what string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(p.take(), 10, bits)
	if err != nil {
		return 0, p.wrong("%q is not a %s", p.last.text, what)
	}
	return n, nil
}

func (p *parser) addr() (netip.Addr, error) {
	a, err := netip.ParseAddr(p.take())
	if err != nil || a.Zone() != "" {
		return a, p.wrong("%q is not an IP address", p.last.text)
	}
	return a.Unmap(), nil
}

// guest reads the line of a guest from its MAC on.
func (p *parser) guest(vni uint32) error {
	if p.guests++; p.guests > MaxGuests {
		return p.wrong("more than %d guests", MaxGuests)
	}
	hw, err := net.ParseMAC(p.take())
	if err != nil || len(hw) != 6 || hw[0]&1 != 0 || [6]byte(hw) == [6]byte{} {
		return p.wrong("%q is not the Ethernet address of a guest", p.last.text)
	}
	mac := [6]byte(hw)
	known := []vtep.Question{vtep.ForMAC(vni, mac)}
	if err := p.once(known[0]); err != nil {
		return err
	}
	for p.is("ip") {
		addr, err := p.addr()
		if err != nil {
			return err
		}
		q := vtep.ForIP(vni, addr)
		if err := p.once(q); err != nil {
			return err
		}
		known = append(known, q)
	}
	end, err := p.end(known[0])
	if err != nil {
		return err
	}
	if p.take() != "" {
		return p.wrong("%q after the guest's end", p.last.text)
	}
	for _, q := range known {
		a := vtep.Answer{Ends: []vtep.End{end}}
		if q.Kind == vtep.ByIP {
			a.MAC = mac
		}
		p.table[q] = a
	}
	if !p.flooded[vni] {
		p.reach(vni, end)
	}
	return nil
}

// once says that a question is answered already.
func (p *parser) once(q vtep.Question) error {
	if _, ok := p.table[q]; ok {
		return p.wrong("a second line for %v", q)
	}
	p.table[q] = vtep.Answer{}
	return nil
}

// reach adds an end to those that get what goes to all.
func (p *parser) reach(vni uint32, end vtep.End) {
	q := vtep.ForFlood(vni)
	a := p.table[q]
	if len(a.Ends) < vtep.MaxEnds && !slices.Contains(a.Ends, end) {
		a.Ends = append(a.Ends, end)
		p.table[q] = a
	}
}

// flood reads the line of those that get what goes to all.
func (p *parser) flood(vni uint32) error {
	if p.flooded[vni] {
		return p.wrong("a second line for %v", vtep.ForFlood(vni))
	}
	p.flooded[vni] = true
	q := vtep.ForFlood(vni)
	var a vtep.Answer
	for first := true; first || len(p.words) > 0; first = false {
		end, err := p.end(q)
		if err != nil {
			return err
		}
		if len(a.Ends) == vtep.MaxEnds {
			return p.wrong("more than %d ends", vtep.MaxEnds)
		}
		if !slices.Contains(a.Ends, end) {
			a.Ends = append(a.Ends, end)
		}
	}
	p.table[q] = a
	return nil
}

// end reads an end for the answer to q.
func (p *parser) end(q vtep.Question) (vtep.End, error) {
	e := vtep.End{Key: q.VNI}
	if p.take() != "end" {
		return e, p.wrong("%q instead of \"end\"", p.last.text)
	}
	var err error
	if e.Addr, err = p.addr(); err != nil {
		return e, err
	}
	if a := (vtep.Answer{Ends: []vtep.End{e}}); a.Check(q) != nil {
		return e, p.wrong("%q is not an address to send to", p.last.text)
	}
	if p.is("port") {
		n, err := p.number("UDP port", 16)
		if err != nil {
			return e, err
		}
		e.Port = uint16(n)
	}
	if p.is("key") {
		n, err := p.number("key", 32)
		if err != nil {
			return e, err
		}
		e.Key = uint32(n)
	}
	return e, nil
}
