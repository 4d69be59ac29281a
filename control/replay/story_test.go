package replay

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
)

// The story: who sends what, and when.
func storyInputs(t *testing.T) map[string][]packet {
	const s = time.Second
	return map[string][]packet{
		"p1": {
			{0, udp(t, 1, 2, 1000, 80)},                    // 2 is unknown: everywhere in the VLAN
			{2 * s, udp(t, 1, 2, 1000, 80)},                // now it is known
			{2*s + 1, udp(t, 1, 2, 1000, 80)},              // again, and from the exact-match cache
			{3 * s, udp(t, 1, 2, 1000, 53)},                // closed
			{4 * s, tcp(t, 1, 2, 1000, 23)},                // closed for now
			{5 * s, withTTL(t, udp(t, 1, 2, 1000, 80), 1)}, // has no life left
			{6 * s, tagged(t, udp(t, 1, 2, 1000, 80), 30)}, // an access port takes no tag
			{7 * s, cut(udp(t, 1, 2, 1000, 80), 60)},       // captured in part
			{8 * s, []byte{1, 2, 3}},                       // no frame
			{40 * s, tcp(t, 1, 2, 1000, 23)},               // open, and where 2 is was forgotten
		},
		"p2": {
			{1 * s, udp(t, 2, 1, 80, 1000)},
			{2 * s, udp(t, 2, 1, 80, 1000)},  // at the moment of 1's second packet, which was named first
			{20 * s, udp(t, 2, 1, 80, 1000)}, // cached no more
			{20*s + 1, udp(t, 2, 1, 80, 1000)},
		},
		"trunk": {
			{1500 * time.Millisecond, tagged(t, udp(t, 3, 1, 5, 5), 10)},
			{1600 * time.Millisecond, tagged(t, udp(t, 3, 1, 5, 5), 20)}, // another VLAN: nobody else is in it
			{1700 * time.Millisecond, tagged(t, udp(t, 3, 1, 5, 5), 40)}, // none of the trunk's
		},
	}
}

// withoutMegaflows leaves out how wide megaflows are, which is not part of the story.
func withoutMegaflows(t *testing.T, lines []byte) []byte {
	t.Helper()
	var out []byte
	for line := range bytes.Lines(lines) {
		var p Packet
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		for i := range p.Looks {
			p.Looks[i].Megaflow = ""
		}
		line, err := json.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

func TestAStoryIsToldTheSameEveryTime(t *testing.T) {
	dir := t.TempDir()
	var in []Input
	packets := storyInputs(t)
	for _, port := range []string{"p1", "p2", "trunk"} {
		in = append(in, Input{Port: port, Path: write(t, dir, port, layers.LinkTypeEthernet, packets[port])})
	}
	got, sum := run(t, "testdata/story/story.yaml", in)
	if sum.Violations != 0 || sum.Packets != 17 || sum.Checked != 16 {
		t.Errorf("got %+v, want 17 packets, 16 look-ups that are right", sum)
	}
	golden(t, "testdata/story/packets.json", withoutMegaflows(t, got.packets))
	for _, name := range []string{"p1", "p2", "trunk"} {
		golden(t, "testdata/story/"+name+".out.pcap", got.files[name])
	}
}
