package plugin

import (
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// Question returns what an ask, an answer, or an invalidate of one answer is about.
func (m *Message) Question() (vtep.Question, error) {
	switch {
	case m.Flood:
		return vtep.ForFlood(m.VNI), nil
	case m.IP.IsValid():
		return vtep.ForIP(m.VNI, m.IP), nil
	case m.MAC != MAC{}:
		return vtep.ForMAC(m.VNI, m.MAC), nil
	}
	return vtep.Question{}, errQuestion
}

// SetQuestion makes m be about q.
func (m *Message) SetQuestion(q vtep.Question) {
	m.VNI = q.VNI
	switch q.Kind {
	case vtep.ByMAC:
		m.MAC = q.MAC()
	case vtep.ByIP:
		m.IP = q.IP()
	case vtep.Flood:
		m.Flood = true
	}
}

// Answer returns what an answer says.
func (m *Message) Answer() (vtep.Answer, error) {
	a := vtep.Answer{Ends: m.ends()}
	if m.Life < 0 || m.Life > int64(vtep.MaxLife/time.Second) {
		return a, errLife
	}
	a.Life = time.Duration(m.Life) * time.Second
	if m.IP.IsValid() && !m.Flood {
		a.MAC = m.MAC
	}
	return a, nil
}

// SetAnswer makes m say a. A life is rounded up to whole seconds.
func (m *Message) SetAnswer(a *vtep.Answer) {
	for _, e := range a.Ends {
		m.Ends = append(m.Ends, m.fromEnd(e))
	}
	if m.IP.IsValid() {
		m.MAC = a.MAC
	}
	m.Life = int64((a.Life + time.Second - 1) / time.Second)
}

// Scope returns what an invalidate is about.
func (m *Message) Scope() (vtep.Scope, error) {
	s := vtep.Scope{End: m.End.Unmap()}
	switch {
	case m.All:
		s.What = vtep.Everything
		return s, nil
	case m.Net:
		s.What, s.Question.VNI = vtep.Net, m.VNI
		return s, nil
	}
	var err error
	s.Question, err = m.Question()
	return s, err
}

// SetScope makes m be about s.
func (m *Message) SetScope(s vtep.Scope) {
	m.End = s.End
	switch s.What {
	case vtep.Everything:
		m.All = true
	case vtep.Net:
		m.Net, m.VNI = true, s.Question.VNI
	default:
		m.SetQuestion(s.Question)
	}
}

// Guest returns whom a learn, announce or withdraw is about.
func (m *Message) Guest() (vtep.Guest, error) {
	if len(m.Ends) != 1 || m.MAC == (MAC{}) {
		return vtep.Guest{}, errOneEnd
	}
	return vtep.Guest{VNI: m.VNI, MAC: m.MAC, IP: m.IP.Unmap(), End: m.ends()[0]}, nil
}

// SetGuest makes m be about g.
func (m *Message) SetGuest(g vtep.Guest) {
	m.VNI, m.MAC, m.IP = g.VNI, g.MAC, g.IP
	m.Ends = []End{m.fromEnd(g.End)}
}

func (m *Message) ends() []vtep.End {
	var list []vtep.End
	for _, e := range m.Ends {
		to := vtep.End{Addr: e.Addr.Unmap(), Port: e.Port, Key: m.VNI}
		if e.Key != nil {
			to.Key = *e.Key
		}
		list = append(list, to)
	}
	return list
}

func (m *Message) fromEnd(e vtep.End) End {
	end := End{Addr: e.Addr, Port: e.Port}
	if e.Key != m.VNI {
		end.Key = &e.Key
	}
	return end
}
