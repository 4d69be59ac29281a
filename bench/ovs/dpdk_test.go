package ovs

import "testing"

const pmdStats = `pmd thread numa_id 0 core_id 1:
  packets received: 1000
  packet recirculations: 0
  avg. datapath passes per packet: 1.00
  phwol hits: 0
  mfex opt hits: 0
  simple match hits: 10
  emc hits: 900
  smc hits: 20
  megaflow hits: 60
  avg. subtable lookups per megaflow hit: 1.00
  miss with success upcall: 9
  miss with failed upcall: 1
  avg. packets per output batch: 31.99
  idle cycles: 45105436 (30.00%)
  processing cycles: 148000 (70.00%)
  avg cycles per packet: 45253.44 (45253436/1000)
  avg processing cycles per packet: 148.25 (148250/1000)
main thread:
  packets received: 7
`

func TestStatisticsOfAForwardingThreadAreRead(t *testing.T) {
	got, err := parsePMDStats(pmdStats)
	want := PMDStats{Packets: 1000, EMCHits: 900, SMCHits: 20, MegaflowHits: 60, SimpleHits: 10, Misses: 9, Cycles: 148.25, Masks: "1.00"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got, err := parsePMDStats("no thread"); err == nil {
		t.Errorf("no thread: got %+v, want an error", got)
	}
}
