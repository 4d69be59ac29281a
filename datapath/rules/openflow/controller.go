package openflow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Controller sends the packet, as it is now, to the subscribers of packet-ins (ovs-actions(7), "The
// controller action").
type Controller struct {
	MaxLen   uint16 // bytes of the packet to send at most; WholePacket: all
	Reason   Reason
	ID       uint16 // of the subscribers
	UserData []byte
	Pause    bool   // the packet stops here; it goes on when a subscriber says so: Table.Resume
	Meter    uint32 // that limits what is sent; 0: MeterController, if it is there
}

// WholePacket is the MaxLen that limits nothing.
const WholePacket = 65535

// Reason says why a packet is sent to controllers.
type Reason uint8

// Reasons (OpenFlow 1.5.1, enum ofp_packet_in_reason).
const (
	ReasonNoMatch Reason = iota
	ReasonAction
	ReasonInvalidTTL
	ReasonActionSet
	ReasonGroup
	ReasonPacketOut
)

var reasonNames = [...]string{"no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"}

func (r Reason) String() string { return reasonNames[r] }

// plain reports whether the action is an output to the port CONTROLLER, of so many bytes.
func (a *Controller) plain() bool {
	return a.Reason == ReasonAction && a.ID == 0 && len(a.UserData) == 0 && !a.Pause && a.Meter == 0
}

// toEveryone is what an output to the port CONTROLLER is.
func toEveryone() *Controller { return &Controller{MaxLen: WholePacket, Reason: ReasonAction} }

func (a *Controller) appendText(b []byte) []byte {
	if a.plain() {
		return fmt.Appendf(b, "CONTROLLER:%d", a.MaxLen)
	}
	b = append(b, "controller("...)
	if a.Reason != ReasonAction {
		b = fmt.Appendf(b, "reason=%s,", a.Reason)
	}
	if a.MaxLen != WholePacket {
		b = fmt.Appendf(b, "max_len=%d,", a.MaxLen)
	}
	if a.ID != 0 {
		b = fmt.Appendf(b, "id=%d,", a.ID)
	}
	if len(a.UserData) > 0 {
		b = append(appendHex(append(b, "userdata="...), a.UserData), ',')
	}
	if a.Pause {
		b = append(b, "pause,"...)
	}
	if a.Meter != 0 {
		b = fmt.Appendf(b, "meter_id=%d,", a.Meter)
	}
	b[len(b)-1] = ')'
	return b
}

// parseController reads max_len alone, or (key[=value],...).
func parseController(arg argument) (Action, error) {
	a := toEveryone()
	if _, err := strconv.ParseUint(arg.text, 0, 64); err == nil {
		a.MaxLen, err = parse16(arg.text)
		return a, err
	}
	for rest := arg.text; ; {
		var name, value string
		name, value, rest = flow.NextField(rest)
		if name == "" {
			if strings.Trim(rest, ", \t\r\n") != "" {
				return nil, fmt.Errorf("want max_len, reason, id, userdata, pause or meter_id, found %q", rest)
			}
			return a, nil
		}
		if err := a.parseOption(name, value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

func (a *Controller) parseOption(name, value string) (err error) {
	switch name {
	case "max_len":
		a.MaxLen, err = parse16(value)
	case "reason":
		a.Reason, err = parseReason(value)
	case "id":
		a.ID, err = parse16(value)
	case "userdata":
		a.UserData, err = parseHex(value)
	case "pause":
		a.Pause = true
	case "meter_id":
		if a.Meter, err = ParseMeterID(value); err == nil && a.Meter > MaxMeter {
			err = fmt.Errorf("want a meter of 1 to %d, found %q", uint32(MaxMeter), value)
		}
	default:
		err = fmt.Errorf("want max_len, reason, id, userdata, pause or meter_id, found an unknown word")
	}
	return err
}

func parseReason(s string) (Reason, error) {
	for i, name := range reasonNames {
		if name == s {
			return Reason(i), nil
		}
	}
	return 0, fmt.Errorf("want one of %s, found %q", strings.Join(reasonNames[:], ", "), s)
}

// toController carries out a controller action.
func (x *xlate) toController(a *Controller) {
	if a.Pause {
		x.recirculate(stopPaused)
		x.paused = x.newSending(a)
		return
	}
	x.send(x.newSending(a))
	x.outputs++
}

// invalidTTL tells controllers of a packet whose time has come, which is dropped all the same.
func (x *xlate) invalidTTL(ids []uint16) {
	if len(ids) == 0 {
		ids = []uint16{0}
	}
	for _, id := range ids {
		x.send(x.newSending(&Controller{MaxLen: WholePacket, Reason: ReasonInvalidTTL, ID: id}))
	}
}

// newSending returns what the packet is sent to controllers with, as it is now.
func (x *xlate) newSending(a *Controller) *sending {
	s := &sending{Controller: *a, table: x.table, cookie: x.cookie}
	s.takeMeta(&x.work, &x.written)
	return s
}

// send sends the packet to controllers.
func (x *xlate) send(s *sending) {
	x.spoil()
	if len(x.v.Actions.Words()) > maxProgram {
		x.fail(action.TooManyActions)
		return
	}
	x.commit()
	id := x.t.internSending(s, x.q.Now)
	if id == 0 {
		x.fail(action.ContextsFull)
		return
	}
	x.name(id)
	limit := s.Meter
	if limit == 0 {
		limit = MeterController
	}
	from, slot := len(x.v.Actions.Words()), x.meterSlot(limit)
	if slot != 0 {
		x.v.Actions.Meter(slot)
	}
	x.v.Actions.Send(id)
	if slot != 0 { // it limits this copy only
		x.v.Actions.Enclose(from)
		x.cloned = true
	}
}
