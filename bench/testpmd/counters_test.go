package testpmd

import "testing"

const shown = `
  ######################## NIC statistics for port 0  ########################
  RX-packets: 158848     RX-missed: 3          RX-bytes:  9530880
  RX-errors: 4
  RX-nombuf:  5         
  TX-packets: 159232     TX-errors: 6          TX-bytes:  9553920

  Throughput (since last show)
  Rx-pps:            7          Rx-bps:            8
  Tx-pps:            9          Tx-bps:           10
  ############################################################################

  ######################## NIC statistics for port 1  ########################
  RX-packets: 11         RX-missed: 0          RX-bytes:  660
  RX-errors: 0
  RX-nombuf:  0         
  TX-packets: 12         TX-errors: 0          TX-bytes:  720
`

func TestStatisticsAreRead(t *testing.T) {
	got, err := parseCounters(shown)
	if err != nil {
		t.Fatal(err)
	}
	want := []Counters{
		{158848, 9530880, 3, 4, 5, 159232, 9553920, 6},
		{RxPackets: 11, RxBytes: 660, TxPackets: 12, TxBytes: 720},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if n := Received(got); n != 158859 {
		t.Errorf("received %d", n)
	}
	for _, text := range []string{"", "Invalid port 7", shown[:200]} {
		if got, err := parseCounters(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestAPortThatReceivedNothingHasNoCycles(t *testing.T) {
	const idle = "+++ Accumulated forward statistics for all ports+++\n  RX-packets: 0              RX-dropped: 0             RX-total: 0\n"
	if got, err := parseCycles(idle); got != 0 || err != nil {
		t.Errorf("got %v, %v; want 0", got, err)
	}
	if got, err := parseCycles("  RX-packets: 0    \n" + idle + "  CPU cycles/packet=12.5 (total cycles=1)\n"); got != 12.5 || err != nil {
		t.Errorf("got %v, %v; want 12.5", got, err)
	}
	if got, err := parseCycles("no statistics"); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}
