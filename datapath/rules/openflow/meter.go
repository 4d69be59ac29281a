package openflow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// MeterAction drops packets that exceed the rate of a meter. It stands first in a rule.
type MeterAction struct {
	ID uint32
}

// Numbers of meters (OpenFlow 1.3.5, enum ofp_meter).
const (
	MaxMeter        = 0xffff0000 // greatest number a rule can name
	MeterSlowPath   = 0xfffffffd // for what the slow path does for cached flows; kept and shown, as nothing here is done so
	MeterController = 0xfffffffe // for packets to controllers
)

// A Meter is a meter of a bridge.
type Meter struct {
	ID      uint32
	Packets bool // rates in packets/s, bursts in packets; else in kbit/s and kbit
	Burst   bool // bands say how much may come at once; else as much as in a second
	Stats   bool // kept and shown: everything is counted anyway
	Bands   []meter.Band
}

func (a *MeterAction) appendText(b []byte) []byte { return fmt.Appendf(b, "meter:%d", a.ID) }

func parseMeterAction(arg argument) (Action, error) {
	id, err := strconv.ParseUint(arg.text, 0, 32)
	if err != nil || id == 0 || id > MaxMeter {
		return nil, fmt.Errorf("want a meter of 1 to %d, found %q", uint32(MaxMeter), arg.text)
	}
	return &MeterAction{ID: uint32(id)}, nil
}

// ParseMeterID reads the number of a meter, or the name of a reserved one.
func ParseMeterID(s string) (uint32, error) {
	switch s {
	case "slowpath":
		return MeterSlowPath, nil
	case "controller":
		return MeterController, nil
	}
	id, err := strconv.ParseUint(s, 0, 32)
	if err != nil || id == 0 || id > MaxMeter {
		return 0, fmt.Errorf("meter: want a number of 1 to %d, controller or slowpath, found %q", uint32(MaxMeter), s)
	}
	return uint32(id), nil
}

// ParseMeter reads a meter in the syntax of ovs-ofctl add-meter:
//
//	meter=ID kbps|pktps [burst] [stats] bands=type=drop rate=RATE [burst_size=SIZE] ...
//
// with commas or white space between.
func ParseMeter(s string) (Meter, error) {
	head, bands, ok := strings.Cut(s, "bands=")
	if !ok {
		head, bands, ok = strings.Cut(s, "band=")
	}
	var m Meter
	unit := ""
	for name, value, rest := flow.NextField(head); name != ""; name, value, rest = flow.NextField(rest) {
		var err error
		switch name {
		case "meter":
			m.ID, err = ParseMeterID(value)
		case "kbps", "pktps":
			if unit != "" {
				err = errors.New("want one of kbps and pktps")
			}
			unit, m.Packets = name, name == "pktps"
		case "burst":
			m.Burst = true
		case "stats":
			m.Stats = true
		default:
			err = fmt.Errorf("want meter, kbps, pktps, burst, stats or bands, found %q", name)
		}
		if err != nil {
			return m, err
		}
	}
	switch {
	case m.ID == 0:
		return m, errors.New("want meter=, found none")
	case unit == "":
		return m, errors.New("want kbps or pktps, found neither")
	case !ok:
		return m, errors.New("want bands=, found none")
	}
	return m, m.parseBands(bands)
}

// parseBands reads bands, each from type= on.
func (m *Meter) parseBands(s string) error {
	for name, value, rest := flow.NextField(s); name != ""; name, value, rest = flow.NextField(rest) {
		if name == "type" {
			if value != "drop" {
				return fmt.Errorf("type: want drop, the one kind of band there is, found %q", value)
			}
			m.Bands = append(m.Bands, meter.Band{})
			continue
		}
		if len(m.Bands) == 0 {
			return fmt.Errorf("bands: want type=drop first, found %q", name)
		}
		n, err := strconv.ParseUint(value, 0, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("%s: want a number of 1 or more and up to 32 bits, found %q", name, value)
		}
		band := &m.Bands[len(m.Bands)-1]
		switch name {
		case "rate":
			band.Rate = uint32(n)
		case "burst_size":
			band.Burst = uint32(n)
		default:
			return fmt.Errorf("bands: want type, rate or burst_size, found %q", name)
		}
	}
	if len(m.Bands) == 0 {
		return errors.New("bands: want a band, found none")
	}
	for _, b := range m.Bands {
		switch {
		case b.Rate == 0:
			return errors.New("bands: want rate= in each, found none")
		case m.Burst && b.Burst == 0:
			return errors.New("bands: want burst_size= in each, since there is burst, found none")
		case !m.Burst && b.Burst != 0:
			return errors.New("bands: want burst_size= with burst only")
		}
	}
	return nil
}

// String returns the meter as ParseMeter takes it, in the form of ovs-ofctl dump-meters: a line for the
// meter and one for each band.
func (m *Meter) String() string {
	unit := "kbps"
	if m.Packets {
		unit = "pktps"
	}
	b := fmt.Appendf(appendMeterID([]byte("meter="), m.ID), " %s", unit)
	if m.Burst {
		b = append(b, " burst"...)
	}
	if m.Stats {
		b = append(b, " stats"...)
	}
	b = append(b, " bands="...)
	for _, band := range m.Bands {
		b = fmt.Appendf(b, "\ntype=drop rate=%d", band.Rate)
		if m.Burst {
			b = fmt.Appendf(b, " burst_size=%d", band.Burst)
		}
	}
	return string(b)
}

// MeterName returns the number of a meter as text, or the name of a reserved one.
func MeterName(id uint32) string { return string(appendMeterID(nil, id)) }

func appendMeterID(b []byte, id uint32) []byte {
	switch id {
	case MeterSlowPath:
		return append(b, "slowpath"...)
	case MeterController:
		return append(b, "controller"...)
	}
	return strconv.AppendUint(b, uint64(id), 10)
}
