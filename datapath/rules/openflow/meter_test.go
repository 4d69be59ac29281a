package openflow

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/meter"
)

func TestMetersAreReadAndWrittenInOvsOfctlsSyntax(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"meter=1,kbps,band=type=drop,rate=1000", "meter=1 kbps bands=\ntype=drop rate=1000"},
		{"meter=2 pktps burst stats bands=\ntype=drop rate=5 burst_size=7", ""},
		{"meter=3,kbps,burst,bands=type=drop,rate=10,burst_size=1 type=drop,rate=20,burst_size=3", "meter=3 kbps burst bands=\ntype=drop rate=10 burst_size=1\ntype=drop rate=20 burst_size=3"},
		{"meter=controller,pktps,band=type=drop,rate=3", "meter=controller pktps bands=\ntype=drop rate=3"},
		{"meter=slowpath,pktps,band=type=drop,rate=3", "meter=slowpath pktps bands=\ntype=drop rate=3"},
	} {
		m, err := ParseMeter(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if c.want == "" {
			c.want = c.in
		}
		if got := m.String(); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestMistakesInMeters(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"kbps,band=type=drop,rate=3", "want meter="},
		{"meter=0,kbps,band=type=drop,rate=3", "want a number of 1"},
		{"meter=4294901761,kbps,band=type=drop,rate=3", "want a number of 1"},
		{"meter=5,band=type=drop,rate=3", "want kbps or pktps"},
		{"meter=5,kbps,pktps,band=type=drop,rate=3", "want one of kbps and pktps"},
		{"meter=5,kbps", "want bands="},
		{"meter=5,kbps,bands=", "want a band"},
		{"meter=5,kbps,foo,band=type=drop,rate=3", "want meter, kbps"},
		{"meter=5,kbps,band=rate=3", "want type=drop first"},
		{"meter=5,kbps,band=type=dscp_remark,rate=3,prec_level=1", "type: want drop"},
		{"meter=5,kbps,band=type=drop", "want rate="},
		{"meter=5,kbps,band=type=drop,rate=0", "rate: want a number"},
		{"meter=5,kbps,band=type=drop,rate=3,burst_size=4", "with burst only"},
		{"meter=5,kbps,burst,band=type=drop,rate=3", "want burst_size="},
		{"meter=5,kbps,band=type=drop,rate=3,foo=4", "want type, rate"},
	} {
		if _, err := ParseMeter(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.in, err, c.want)
		}
	}
}

func addMeter(t *testing.T, tb *Table, text string) {
	t.Helper()
	m, err := ParseMeter(text)
	if err == nil {
		err = tb.AddMeter(m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestARuleUsesAMeterThatIsThere(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "")
	f, err := ParseFlow("in_port=1,actions=meter:7,output:2")
	if err != nil {
		t.Fatal(err)
	}
	if err := tb.AddFlows([]Flow{f}); err == nil || !strings.Contains(err.Error(), "meter 7: want a meter that is there") {
		t.Errorf("a meter that is not there: %v", err)
	}
	store := meter.NewStore(1)
	tb.SetMeters(store)
	addMeter(t, tb, "meter=7,pktps,band=type=drop,rate=3")
	if err := tb.AddFlows([]Flow{f}); err != nil {
		t.Fatal(err)
	}
	if got := program(look(t, tb, "in_port=1")); !strings.HasPrefix(got, "meter(") || !strings.HasSuffix(got, "),output:2") {
		t.Errorf("got %s", got)
	}
	if s := tb.Meters(); len(s) != 1 || s[0].Flows != 1 || !strings.HasPrefix(s[0].Text(), "meter:7 flow_count:1 packet_in_count:0 byte_in_count:0 duration:0.000s bands:\n0: packet_count:0") {
		t.Errorf("got %+v", s)
	}
	if err := tb.AddMeter(Meter{ID: 7}); err == nil {
		t.Error("two meters have one number")
	}
	if n, err := tb.DeleteMeter(7); n != 1 || err != nil || tb.Len() != 0 || store.Len() != 0 {
		t.Errorf("%d flows went with the meter, %v; %d flows and %d meters stayed", n, err, tb.Len(), store.Len())
	}
	if _, err := tb.DeleteMeter(7); err == nil {
		t.Error("a meter was deleted twice")
	}
	if err := tb.ModMeter(Meter{ID: 7}); err == nil {
		t.Error("a meter that is not there was changed")
	}
}

func TestMetersMoveToTheStoreOfTheSwitch(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "")
	addMeter(t, tb, "meter=7,pktps,band=type=drop,rate=3")
	add(t, tb, "actions=meter:7,output:2")
	if got := program(look(t, tb, "in_port=1")); got != "output:2" {
		t.Errorf("without a store: got %s", got)
	}
	store := meter.NewStore(1)
	tb.SetMeters(store)
	if store.Len() != 1 || !strings.HasPrefix(program(look(t, tb, "in_port=1")), "meter(") {
		t.Errorf("%d meters in the store, program %s", store.Len(), program(look(t, tb, "in_port=1")))
	}
	tb.SetMeters(nil)
	if store.Len() != 0 {
		t.Error("the table left a meter behind")
	}
}

func FuzzMeter(f *testing.F) {
	for _, s := range []string{"meter=1,kbps,band=type=drop,rate=1000", "meter=2 pktps burst stats bands=\ntype=drop rate=5 burst_size=7 type=drop rate=9 burst_size=1", "meter=controller,pktps,bands=type=drop,rate=3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMeter(s)
		if err != nil {
			return
		}
		again, err := ParseMeter(m.String())
		if err != nil || again.String() != m.String() {
			t.Fatalf("%q became %q, then %q, %v", s, m.String(), again.String(), err)
		}
	})
}
