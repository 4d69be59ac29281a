package frontend

import (
	"fmt"

	"github.com/culvertdev/culvert/vhost/proto"
)

// readConfig reads the configuration space, if the back end has one: the state of its link, its MTU.
func (s *session) readConfig() error {
	if !s.protocol.Has(proto.PConfig) {
		return nil
	}
	m, err := s.conn.Ask(proto.GetConfig, proto.Config{Data: make([]byte, proto.NetConfigSize)})
	if err != nil {
		return fmt.Errorf("read configuration space: %w", err)
	}
	defer m.Close()
	c, ok := proto.ParseNetConfig(m.Payload.(proto.Config).Data)
	if !ok { // the back end has none after all
		return nil
	}
	s.set(func(st *State) {
		st.LinkDown = s.features.Has(proto.NetStatus) && c.Status&proto.NetLinkUp == 0
		if s.features.Has(proto.NetMTU) {
			st.MTU = int(c.MTU)
		}
	})
	return nil
}

// answer serves the channel on which the back end asks, until it is closed. All there is to ask of a network device
// without IOMMU is to look at the configuration space again.
func (s *session) answer(back *proto.Conn) {
	for {
		m, err := back.Receive()
		if f, ok := err.(*proto.Fault); ok && back.Refuse(f) == nil {
			continue
		}
		if err != nil {
			return
		}
		changed := m.Request == proto.BackendConfigChange
		var no error
		if !changed {
			no = proto.ErrRefused
		}
		err = back.Acknowledge(m, no) // first: the back end may wait for it before it answers anything
		m.Close()
		if err != nil {
			return
		}
		if changed {
			s.configChanged()
		}
	}
}

// configChanged has the session read the configuration space again.
func (s *session) configChanged() {
	err := s.do(func(now *session) error {
		if now != s {
			return nil // a later one reads it anyway
		}
		if err := s.readConfig(); err != nil {
			return err
		}
		s.up.Store(!s.State().LinkDown)
		return nil
	})
	if err != nil {
		s.log.Debug("change of the configuration space not seen", "error", err)
	}
}
