package openflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestHashingActionsAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])":                         "",
		"multipath(symmetric_l3l4+udp, 1024, hrw, 5000, 5050, NXM_NX_REG0[0..13])": "multipath(symmetric_l3l4+udp,1024,hrw,5000,5050,NXM_NX_REG0[0..13])",
		"multipath(symmetric_l3,0,iter_hash,3,3,reg1[0..1])":                       "multipath(symmetric_l3,0,iter_hash,3,3,NXM_NX_REG1[0..1])",
		"bundle(eth_src,0,hrw,ofport,members:4,8)":                                 "",
		"bundle(symmetric_l4,60,active_backup,ofport,slaves:2,3)":                  "bundle(symmetric_l4,60,active_backup,ofport,members:2,3)",
		"bundle_load(nw_src,0,hrw,ofport,NXM_NX_REG0[0..15],members:)":             "",
		"check_pkt_larger(1500)->reg0[0]":                                          "check_pkt_larger(1500)->NXM_NX_REG0[0]",
		"clone(check_pkt_larger(1500)->NXM_NX_REG0[3],output:2),output:3":          "",
	} {
		list, err := ParseActions(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if want == "" {
			want = text
		}
		if got := string(AppendActions(nil, list)); got != want {
			t.Errorf("%s is written %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"multipath(nw_src,0,hash_threshold,70000,3,reg1[])":       "1 to 65536",
		"multipath(nw_src,0,hash_threshold,0,3,reg1[])":           "1 to 65536",
		"multipath(nw_src,0,hash_threshold,5,3,reg1[0..1])":       "room for 5",
		"multipath(nw_src,0,best,5,3,reg1[])":                     "modulo_n",
		"multipath(colour,0,hrw,5,3,reg1[])":                      "symmetric_l4",
		"multipath(nw_src,0,hrw,5,3)":                             "n_links",
		"multipath(nw_src,70000,hrw,5,3,reg1[])":                  "65535",
		"multipath(nw_src,0,hrw,5,3,nw_proto)":                    "only be matched",
		"bundle(eth_src,0,hrw,ofport,4,8)":                        "members:",
		"bundle(eth_src,0,hrw,ofport)":                            "members:",
		"bundle(eth_src,0,best,ofport,members:1)":                 "active_backup",
		"bundle(eth_src,0,hrw,ofport,members:normal)":             "ports of the bridge",
		"bundle_load(eth_src,0,hrw,ofport,reg0[0..14],members:1)": "15 bits",
		"check_pkt_larger(1500)->reg0[1..2]":                      "one bit",
		"check_pkt_larger(70000)->reg0[1]":                        "bytes",
		"check_pkt_larger(1500)":                                  "field[bit]",
		"check_pkt_larger:1500->reg0[1]":                          "field[bit]",
	} {
		if _, err := ParseActions(text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that names %q", text, err, want)
		}
	}
}

func TestTheLengthOfAPacketIsAskedForOnce(t *testing.T) {
	table, _ := newTable(t, Options{}, trunks(1, 2, 3, 4), "actions=load:1->reg1[],check_pkt_larger(1500)->reg0[5],resubmit(,1),check_pkt_larger(1500)->reg0[6],resubmit(,1)\n"+
		"table=1,reg0=0,reg1=1,actions=2\ntable=1,reg0=0x20,actions=3\ntable=1,reg0=0x60/0x40,actions=4")
	id := recircID(t, look(t, table, "in_port=1,ip"), "check_pkt_larger(1500),recirc(0x%x)")
	if id&flow.RecircHashed == 0 {
		t.Errorf("id %#x does not say that there is a hash", id)
	}
	// The second question is one of its own: the packet may have grown.
	short := look(t, table, fmt.Sprintf("in_port=1,recirc_id=%#x,dp_hash=0,ip", id))
	recircID(t, short, "output:2,check_pkt_larger(1500),recirc(0x%x)")
	if got := short.Mask.Uint(flow.FieldDPHash); got != 1 {
		t.Errorf("dp_hash is consulted in %#x, want 1", got)
	}
	long := look(t, table, fmt.Sprintf("in_port=1,recirc_id=%#x,dp_hash=1,ip", id))
	second := recircID(t, long, "output:3,check_pkt_larger(1500),recirc(0x%x)")
	if got := program(look(t, table, fmt.Sprintf("in_port=1,recirc_id=%#x,dp_hash=1,ip", second))); got != "output:4" {
		t.Errorf("the third time: %s", got)
	}
}

// links looks the packets up and returns how often each program came, by its text. Packets that have to come
// back with a hash do.
func links(tb testing.TB, t *Table, packets []string) map[string]int {
	tb.Helper()
	count := map[string]int{}
	for i, p := range packets {
		v := look(tb, t, p)
		if strings.HasPrefix(program(v), "hash(sym_l4") {
			var id, basis uint32
			if _, err := fmt.Sscanf(program(v), "hash(sym_l4(%d)),recirc(0x%x)", &basis, &id); err != nil {
				tb.Fatal(err)
			}
			v = look(tb, t, fmt.Sprintf("%s,recirc_id=%#x,dp_hash=%#x", p, id, uint32(mix64(uint64(i)+uint64(basis)))))
		}
		count[program(v)]++
	}
	return count
}

func TestMultipathSharesLinks(t *testing.T) {
	var tcp, udp, arp []string
	for i := range 1000 {
		mac := fmt.Sprintf("dl_src=02:00:00:00:%02x:%02x", i/256, i%256)
		ip := fmt.Sprintf(",nw_src=10.0.%d.%d,nw_dst=10.1.%d.%d", i/256, i%256, i%7, i%3)
		tcp = append(tcp, "in_port=1,tcp,"+mac+ip+fmt.Sprintf(",tcp_src=%d", i))
		udp = append(udp, "in_port=1,udp,"+mac+ip)
		arp = append(arp, "in_port=1,arp,"+mac)
	}
	numbers := []int{3, 4}
	if testing.Short() {
		numbers = numbers[:1] // the one that is no power of two
	}
	for _, algorithm := range linkAlgorithms() {
		for _, fields := range hashFieldNames() {
			for _, n := range numbers {
				table, _ := newTable(t, Options{}, trunks(1, 2, 3, 4), fmt.Sprintf(
					"actions=multipath(%s,7,%s,%d,20,reg0[0..15]),resubmit(,1)\ntable=1,reg0=0,actions=1,in_port\ntable=1,reg0=1,actions=2\ntable=1,reg0=2,actions=3\ntable=1,reg0=3,actions=4",
					fields, algorithm, n))
				for name, packets := range map[string][]string{"tcp": tcp, "udp": udp} {
					count := links(t, table, packets)
					for i, out := range []string{"output:1", "output:2", "output:3", "output:4"} {
						got, want := count[out], len(packets)/n
						if i >= n {
							want = 0
						}
						if fields == "nw_dst" && n > 1 {
							continue // there are 21 of them
						}
						if d := got - want; d*d > want*want/16 {
							t.Errorf("%s over %s, %d links: link %d got %d of %d %s packets", algorithm, fields, n, i, got, len(packets), name)
						}
					}
				}
				if fields == "nw_src" {
					if count := links(t, table, arp); len(count) != 1 {
						t.Errorf("packets without the field go over %v", count)
					}
				}
			}
		}
	}
}

func TestSymmetricHashesAreTheSameBothWays(t *testing.T) {
	for _, fields := range []string{"symmetric_l3", "symmetric_l3l4", "symmetric_l4"} {
		table, _ := newTable(t, Options{}, trunks(1, 2), "actions=multipath("+fields+",7,hrw,50000,20,reg0[0..15]),move:reg0[0..15]->eth_dst[0..15],2")
		for _, pair := range [][2]string{
			{"in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2", "in_port=1,udp,nw_src=10.0.0.2,nw_dst=10.0.0.1"},
			{"in_port=1,icmp6,ipv6_src=fd00::1,ipv6_dst=fd00::2", "in_port=1,icmp6,ipv6_src=fd00::2,ipv6_dst=fd00::1"},
		} {
			a, b := look(t, table, pair[0]), look(t, table, pair[1])
			if program(a) != program(b) {
				t.Errorf("%s: %s one way, %s the other", fields, program(a), program(b))
			}
		}
	}
}

func TestMultipathConsultsWhatItHashes(t *testing.T) {
	for fields, want := range map[string]string{
		"eth_src":            "dl_src",
		"nw_src":             "dl_type,nw_src",
		"nw_dst":             "dl_type,nw_dst",
		"symmetric_l3":       "dl_type,nw_src,nw_dst",
		"symmetric_l4":       "dl_type",
		"symmetric_l3l4":     "dl_type,nw_src,nw_dst,nw_proto",
		"symmetric_l3l4+udp": "dl_type,nw_proto",
	} {
		table, _ := newTable(t, Options{}, trunks(1, 2), "actions=multipath("+fields+",7,hrw,4,0,reg0[]),2")
		if got := consulted(look(t, table, "in_port=1,udp,nw_src=10.0.0.1")); got != want {
			t.Errorf("%s consults %s, want %s", fields, got, want)
		}
	}
}

func TestABundleFollowsItsMembers(t *testing.T) {
	for _, c := range []struct{ action, want string }{
		{"bundle(eth_src,0,active_backup,ofport,members:2,3,4)", "output:2|output:3|output:4|drop(no_live_bucket)"},
		{"bundle_load(eth_src,0,active_backup,ofport,reg0[0..15],members:2,3),output:NXM_NX_REG0[]", "output:2|output:3|drop(no_port)|drop(no_port)"},
	} {
		table, _ := newTable(t, Options{}, upPorts(), "actions="+c.action)
		var got []string
		for _, down := range [][]uint32{{}, {2}, {2, 3}, {2, 3, 4}} {
			table.SetPorts(upPorts(down...))
			got = append(got, program(look(t, table, "in_port=1")))
		}
		if got := strings.Join(got, "|"); got != c.want {
			t.Errorf("%s: %s, want %s", c.action, got, c.want)
		}
	}
	table, _ := newTable(t, Options{}, upPorts(), "actions=bundle(eth_src,0,hrw,ofport,members:2,3,4,5)")
	whole := make(map[int]string)
	for round, down := range [][]uint32{{}, {3}} {
		table.SetPorts(upPorts(down...))
		for i := range 400 {
			v := look(t, table, fmt.Sprintf("in_port=1,dl_src=02:00:00:00:%02x:%02x", i/256, i%256))
			switch got := program(v); {
			case round == 0:
				whole[i] = got
			case whole[i] != "output:3" && got != whole[i], got == "output:3":
				t.Fatalf("with port 3 down a flow that had %s gets %s", whole[i], got)
			}
		}
	}
	var tags []uint64
	for _, n := range []uint32{2, 3, 4, 5} {
		tags = append(tags, table.portTag(n))
	}
	v := lookQuery(t, table, &rules.Query{Key: packet(t, "in_port=1")})
	if slices.ContainsFunc(tags, func(tag uint64) bool { return v.Tags&tag == 0 }) {
		t.Error("a member's going down would not reach the flow")
	}
}
