package openflow

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath/meter"
)

// meters are the meters of a table. Those of the store do what they say; without one they are only kept.
type meters struct {
	store *meter.Store
	byID  map[uint32]*meterEntry
}

type meterEntry struct {
	Meter
	slot  uint32 // in the store; 0: in none
	added int64  // ns
}

func (m *Meter) stored() meter.Meter { return meter.Meter{Packets: m.Packets, Bands: m.Bands} }

// SetMeters implements rules.MeterUser.
func (t *Table) SetMeters(s *meter.Store) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.meters.byID {
		if t.meters.store != nil {
			t.meters.store.Delete(m.slot)
		}
		m.slot = 0
		if s != nil {
			// One that the store has no room for lets everything pass.
			m.slot, _ = s.Add(m.stored())
		}
		t.log.add(change{tag: t.meterTag(m.ID)})
	}
	t.meters.store = s
}

// Why meters cannot be changed, besides package meter's reasons.
var (
	ErrMeterExists = errors.New("want a number that is free, found a meter of that number")
	ErrNoMeter     = errors.New("want a meter that is there, found none of that number")
)

// AddMeter adds a meter. A number that is taken is ErrMeterExists.
func (t *Table) AddMeter(m Meter) error {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.meters.byID[m.ID] != nil {
		return fmt.Errorf("meter %s: %w", appendMeterID(nil, m.ID), ErrMeterExists)
	}
	if len(m.Bands) > meter.MaxBands {
		return fmt.Errorf("meter %s: %w", appendMeterID(nil, m.ID), meter.ErrBands)
	}
	e := &meterEntry{Meter: m, added: now}
	if t.meters.store != nil {
		var err error
		if e.slot, err = t.meters.store.Add(m.stored()); err != nil {
			return fmt.Errorf("meter %s: %w", appendMeterID(nil, m.ID), err)
		}
	}
	t.meters.byID[m.ID] = e
	t.log.add(change{tag: t.meterTag(m.ID)})
	return nil
}

// ModMeter makes a meter another one. It starts with full buckets and without counts.
func (t *Table) ModMeter(m Meter) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.meters.byID[m.ID]
	if e == nil {
		return errNoMeter(m.ID)
	}
	if len(m.Bands) > meter.MaxBands {
		return fmt.Errorf("meter %s: %w", appendMeterID(nil, m.ID), meter.ErrBands)
	}
	if t.meters.store != nil && e.slot != 0 {
		if err := t.meters.store.Change(e.slot, m.stored()); err != nil {
			return fmt.Errorf("meter %s: %w", appendMeterID(nil, m.ID), err)
		}
	}
	e.Meter = m
	return nil
}

// DeleteMeter removes a meter and the flows that use it (OpenFlow 1.3.5, section 6.4), and returns how many
// flows.
func (t *Table) DeleteMeter(id uint32) (flows int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.meters.byID[id] == nil {
		return 0, errNoMeter(id)
	}
	return t.dropMeter(id), nil
}

// DeleteMeters removes all meters and the flows that use one, and returns how many of each.
func (t *Table) DeleteMeters() (count, flows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.meters.byID {
		count, flows = count+1, flows+t.dropMeter(id)
	}
	return count, flows
}

// dropMeter removes a meter that is there. The caller holds the write lock.
func (t *Table) dropMeter(id uint32) (flows int) {
	x := tx{t: t, now: t.clock()}
	all := AllFlows()
	for _, r := range t.selected(&all) {
		if usesMeter(r.Actions, id) {
			x.remove(r, RemovedByMeter)
			flows++
		}
	}
	x.done()
	if e := t.meters.byID[id]; t.meters.store != nil {
		t.meters.store.Delete(e.slot)
	}
	delete(t.meters.byID, id)
	t.log.add(change{tag: t.meterTag(id)})
	return flows
}

// A MeterStats is a meter and what it has counted.
type MeterStats struct {
	Meter
	Counts   meter.Stats
	Flows    int // that use it
	Duration time.Duration
}

// Meters returns the meters, by number.
func (t *Table) Meters() []MeterStats {
	now := t.clock()
	t.mu.RLock()
	defer t.mu.RUnlock()
	users := t.meterUsers()
	list := make([]MeterStats, 0, len(t.meters.byID))
	for _, e := range t.meters.byID {
		s := MeterStats{Meter: e.Meter, Flows: users[e.ID], Duration: since(e.added, now)}
		if t.meters.store == nil || !t.meters.store.Stats(e.slot, &s.Counts) {
			s.Counts.Bands = make([]meter.BandStats, len(e.Meter.Bands))
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b MeterStats) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Text returns the counts in the form of ovs-ofctl meter-stats.
func (s *MeterStats) Text() string {
	b := appendMeterID([]byte("meter:"), s.ID)
	b = fmt.Appendf(b, " flow_count:%d packet_in_count:%d byte_in_count:%d duration:%.3fs bands:", s.Flows, s.Counts.Packets, s.Counts.Bytes, s.Duration.Seconds())
	for i, band := range s.Counts.Bands {
		b = fmt.Appendf(b, "\n%d: packet_count:%d byte_count:%d", i, band.Packets, band.Bytes)
	}
	return string(b)
}

// meterUsers counts the flows that use each meter. The caller holds a lock.
func (t *Table) meterUsers() map[uint32]int {
	users := make(map[uint32]int)
	if len(t.meters.byID) == 0 {
		return users
	}
	all := AllFlows()
	for _, r := range t.selected(&all) {
		for _, a := range r.Actions {
			if m, ok := a.(*MeterAction); ok {
				users[m.ID]++
			}
		}
	}
	return users
}

// usesMeter reports whether a rule's actions have a meter; it is not within other actions.
func usesMeter(list []Action, id uint32) bool {
	return slices.ContainsFunc(list, func(a Action) bool {
		m, ok := a.(*MeterAction)
		return ok && m.ID == id
	})
}

// checkMeters refuses actions with a meter that is not there.
func (t *Table) checkMeters(list []Action) error {
	for _, a := range list {
		if m, ok := a.(*MeterAction); ok && t.meters.byID[m.ID] == nil {
			return fmt.Errorf("meter %s: %v", appendMeterID(nil, m.ID), ErrNoMeter) // not itself: what is wrong is what names the meter
		}
	}
	return nil
}

func errNoMeter(id uint32) error {
	return fmt.Errorf("meter %s: %w", appendMeterID(nil, id), ErrNoMeter)
}

// meter puts the packet through a meter.
func (x *xlate) meter(id uint32) {
	if slot := x.meterSlot(id); slot != 0 {
		x.v.Actions.Meter(slot)
	}
}

// meterSlot returns where workers find a meter, 0 where there is none.
func (x *xlate) meterSlot(id uint32) uint32 {
	x.v.Tags |= x.t.meterTag(id)
	if e := x.t.meters.byID[id]; e != nil {
		return e.slot
	}
	return 0
}

// PutMeters adds meters, or makes those that are there the same. Meters that are so already keep their
// counts.
func (t *Table) PutMeters(list []Meter) error {
	for _, m := range list {
		t.mu.RLock()
		e := t.meters.byID[m.ID]
		same := e != nil && e.Meter.String() == m.String()
		t.mu.RUnlock()
		var err error
		switch {
		case e == nil:
			err = t.AddMeter(m)
		case !same:
			err = t.ModMeter(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// KeepMeters removes all meters but those of a list, and the flows that use them.
func (t *Table) KeepMeters(list []Meter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.meters.byID {
		if !slices.ContainsFunc(list, func(m Meter) bool { return m.ID == id }) {
			t.dropMeter(id)
		}
	}
}
