package daemon

import (
	"context"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

func (d *Daemon) meterAdd(_ context.Context, t api.MeterText) (api.Changed, error) {
	return d.meterChange(t, (*openflow.Table).AddMeter)
}

func (d *Daemon) meterMod(_ context.Context, t api.MeterText) (api.Changed, error) {
	return d.meterChange(t, (*openflow.Table).ModMeter)
}

// meterChange makes a change for each of some meters, up to the first that cannot be made.
func (d *Daemon) meterChange(t api.MeterText, change func(*openflow.Table, openflow.Meter) error) (api.Changed, error) {
	list, _, err := readLines(text{name: "meter", lines: t.Meters}, openflow.ParseMeter)
	if err != nil {
		return api.Changed{}, err
	}
	return d.onBridge(t.Bridge, func(b *bridge) (int, error) {
		for i, m := range list {
			if err := change(b.table, m); err != nil {
				return i, refused(err)
			}
		}
		return len(list), nil
	})
}

// meterDel removes a meter or all, and answers how many flows went with them.
func (d *Daemon) meterDel(_ context.Context, m api.MeterID) (api.Changed, error) {
	id, err := meterID(m)
	if err != nil {
		return api.Changed{}, err
	}
	return d.onBridge(m.Bridge, func(b *bridge) (int, error) {
		if id == 0 {
			_, flows := b.table.DeleteMeters()
			return flows, nil
		}
		flows, err := b.table.DeleteMeter(id)
		return flows, refused(err)
	})
}

func (d *Daemon) meterShow(_ context.Context, m api.MeterID) ([]api.Meter, error) {
	id, err := meterID(m)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := d.chosenRules(m.Bridge)
	if err != nil {
		return nil, err
	}
	out := []api.Meter{}
	for _, b := range bridges {
		for _, s := range b.table.Meters() {
			if id == 0 || id == s.ID {
				out = append(out, apiMeter(b.name, &s))
			}
		}
	}
	if id != 0 && len(out) == 0 {
		return nil, api.Errorf(api.NotFound, "meter %s: no such meter", m.Meter)
	}
	return out, nil
}

// meterID returns the number of a meter, 0 for all.
func meterID(m api.MeterID) (uint32, error) {
	if m.Meter == "" {
		return 0, nil
	}
	id, err := openflow.ParseMeterID(m.Meter)
	if err != nil {
		return 0, api.Errorf(api.BadParams, "%v", err)
	}
	return id, nil
}

func apiMeter(bridge string, s *openflow.MeterStats) api.Meter {
	m := api.Meter{
		Bridge: bridge, Meter: openflow.MeterName(s.ID), Unit: "kbps", Flows: s.Flows, Packets: s.Counts.Packets,
		Bytes: s.Counts.Bytes, Bands: []api.MeterBand{}, Config: s.Meter.String(), Stats: s.Text(),
	}
	if s.Meter.Packets {
		m.Unit = "pktps"
	}
	for i, band := range s.Bands {
		m.Bands = append(m.Bands, api.MeterBand{
			Rate: band.Rate, Burst: band.Burst, Packets: s.Counts.Bands[i].Packets, Bytes: s.Counts.Bands[i].Bytes,
		})
	}
	return m
}
