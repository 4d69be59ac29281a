package vhost

import (
	"errors"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
)

// dispatch finds who does what m says.
func (d *device) dispatch(m *proto.Message) error {
	switch v := m.Payload.(type) {
	case proto.VringState:
		return d.vringState(m, v)
	case proto.VringFile:
		return d.vringFile(m, v)
	case proto.VringAddr:
		return d.setAddress(v)
	case proto.MemTable:
		return d.setTable(m, v)
	case proto.Region:
		return d.changeTable(m, v)
	case proto.Inflight:
		return d.setInflight(m, v)
	case proto.Log:
		return d.setLog(m, v)
	case proto.IOTLB:
		return d.changeTranslations(m, v)
	case proto.U64:
		return d.setNumber(m, uint64(v))
	case proto.MAC:
		d.port.announce(v)
		return nil
	case nil:
		return d.request(m)
	}
	return errNotOffered
}

// errNotOffered is what becomes of messages that belong to protocol features we do not have.
var errNotOffered = refusal{errors.New("not a message of what was negotiated")}

// request does what messages without payload say.
func (d *device) request(m *proto.Message) error {
	switch m.Request {
	case proto.SetOwner:
		return nil
	case proto.ResetOwner: // no longer used; what is left of its meaning ("Front-end message types")
		return d.disable()
	case proto.ResetDevice:
		return d.reset()
	case proto.GetFeatures:
		return d.conn.Reply(m, proto.U64(d.port.offered()))
	case proto.GetProtocolFeatures:
		return d.conn.Reply(m, proto.U64(protocolFeatures))
	case proto.GetQueueNum:
		return d.conn.Reply(m, proto.U64(d.port.o.Queues))
	case proto.GetMaxMemSlots:
		return d.conn.Reply(m, proto.U64(mem.MaxRegions))
	case proto.GetStatus:
		return d.conn.Reply(m, proto.U64(d.status))
	case proto.SetBackendReqFD:
		return d.setBackend(m)
	case proto.SetLogFD: // an eventfd to say that the log has news; frontends look by themselves
		return nil
	}
	return errNotOffered
}

// setNumber does what messages say whose payload is a number.
func (d *device) setNumber(m *proto.Message, v uint64) error {
	switch m.Request {
	case proto.SetFeatures:
		return d.setFeatures(proto.Features(v))
	case proto.SetProtocolFeatures:
		return d.setProtocol(proto.ProtocolFeatures(v))
	case proto.SetStatus:
		return d.setStatus(v)
	case proto.NetSetMTU:
		if v < MinMTU || v > uint64(d.port.o.MTU) {
			return refuse("MTU of %d bytes: want %d to %d", v, MinMTU, d.port.o.MTU)
		}
		if err := d.holdAll(); err != nil {
			return err
		}
		d.told = int(v)
		return nil
	case proto.SetLogBase:
		return refuse("a log at an address: want a descriptor")
	}
	return errNotOffered
}
