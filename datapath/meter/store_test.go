package meter_test

import (
	"errors"
	"math"
	"testing"

	"github.com/culvertdev/culvert/datapath/meter"
)

func TestNoBandsMeansNoLimit(t *testing.T) {
	s := meter.NewStore(1)
	slot := add(t, s, meter.Meter{})
	if exceed := s.Run(0, slot, 1, sizes(64, 1500)); exceed != 0 {
		t.Errorf("packets %b exceed a meter without bands", exceed)
	}
	if m, ok := s.Get(slot); !ok || len(m.Bands) != 0 {
		t.Errorf("the store has %+v, %v", m, ok)
	}
}

func TestASlotOutlivesItsMeterAndMeetsNoOther(t *testing.T) {
	s := meter.NewStore(1)
	none := meter.Meter{Bands: []meter.Band{{}}} // lets nothing pass
	var slots []uint32
	for range 130 {
		slots = append(slots, add(t, s, none))
	}
	seen := make(map[uint32]bool)
	for _, slot := range slots {
		if slot == 0 || seen[slot] {
			t.Fatalf("slot %#x is given out twice, or is 0", slot)
		}
		seen[slot] = true
		if s.Run(0, slot, 1, sizes(1, 60)) != 1 {
			t.Fatal("a packet passes a meter that lets none pass")
		}
		s.Delete(slot)
		s.Delete(slot) // is gone already
		if s.Run(0, slot, 1, sizes(1, 60)) != 0 {
			t.Error("a meter that was deleted drops")
		}
	}
	if s.Len() != 0 {
		t.Errorf("%d meters are left", s.Len())
	}
	for range 1000 {
		slot := add(t, s, none)
		if seen[slot] {
			t.Fatalf("slot %#x is given out again", slot)
		}
		seen[slot] = true
		s.Delete(slot)
	}
	for slot := range seen {
		if s.Run(0, slot, 1, sizes(1, 60)) != 0 || s.Stats(slot, new(meter.Stats)) || s.Change(slot, none) != meter.ErrGone {
			t.Fatalf("slot %#x has a meter", slot)
		}
	}
	if s.Run(0, 0, 1, sizes(1, 60))|s.Run(0, math.MaxUint32, 1, sizes(1, 60)) != 0 {
		t.Error("a slot that was never given out drops")
	}
}

func TestTheStoreIsBounded(t *testing.T) {
	s := meter.NewStore(1)
	var last uint32
	for range meter.MaxMeters {
		last = add(t, s, kbps(1, 1))
	}
	if _, err := s.Add(kbps(1, 1)); !errors.Is(err, meter.ErrFull) {
		t.Errorf("one meter too many: %v, want ErrFull", err)
	}
	if s.Delete(last); s.Len() != meter.MaxMeters-1 {
		t.Errorf("%d meters", s.Len())
	}
	add(t, s, kbps(1, 1))
	tooMany := meter.Meter{Bands: make([]meter.Band, meter.MaxBands+1)}
	if _, err := s.Add(tooMany); !errors.Is(err, meter.ErrBands) {
		t.Errorf("nine bands: %v, want ErrBands", err)
	}
	if err := s.Change(last, tooMany); !errors.Is(err, meter.ErrBands) {
		t.Errorf("nine bands: %v, want ErrBands", err)
	}
}

func TestAChangeTakesEffectForTheSlotsThereAre(t *testing.T) {
	s := meter.NewStore(1)
	slot := add(t, s, pktps(10, 10))
	s.Run(0, slot, 1, sizes(64, 60))
	if err := s.Change(slot, kbps(8000, 0)); err != nil {
		t.Fatal(err)
	}
	var st meter.Stats
	if !s.Stats(slot, &st) || st.Packets != 0 || st.Bands[0] != (meter.BandStats{}) {
		t.Errorf("a changed meter has counted %+v", st)
	}
	if m, _ := s.Get(slot); m.Packets || m.Bands[0] != (meter.Band{Rate: 8000, Burst: 8000}) {
		t.Errorf("the meter is %+v", m)
	}
	if s.Run(0, slot, 2, sizes(64, 1500)) != 0 {
		t.Error("the new bucket is not full")
	}
}
