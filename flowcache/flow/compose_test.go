package flow

import (
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

func TestAComposedPacketHasTheKeyItWasMadeFrom(t *testing.T) {
	pool, err := frame.NewPool(frame.Options{Buffers: 64, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	const macs = "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,"
	for _, text := range []string{
		"dl_type=0x88b5",
		"dl_type=0x05ff",
		"ip,nw_src=1.2.3.4,nw_dst=5.6.7.8,nw_proto=99,nw_ttl=7,nw_tos=0x28,nw_ecn=1",
		"tcp,nw_src=1.2.3.4,nw_dst=5.6.7.8,tp_src=1,tp_dst=65535,tcp_flags=syn|ack",
		"udp,nw_frag=first,tp_src=1,tp_dst=2,dl_vlan=5,dl_vlan_pcp=3",
		"udp,nw_frag=later",
		"sctp,tp_src=1,tp_dst=2",
		"icmp,icmp_type=8,icmp_code=1",
		"ipv6,ipv6_src=1::2,ipv6_dst=3::4,ipv6_label=0x12345,nw_proto=99,nw_ttl=1,nw_tos=4",
		"udp6,ipv6_src=1::2,tp_src=5,tp_dst=6,nw_frag=first",
		"ipv6,nw_proto=44,nw_frag=later",
		"icmp6,icmp_type=128",
		"icmp6,icmp_type=135,nw_ttl=255,nd_target=1::2,nd_sll=02:00:00:00:00:07",
		"icmp6,icmp_type=136,nw_ttl=255,nd_target=1::2,nd_tll=02:00:00:00:00:07",
		"arp,arp_op=2,arp_spa=1.2.3.4,arp_tpa=5.6.7.8,arp_sha=02:00:00:00:00:07,arp_tha=02:00:00:00:00:08",
		"mpls,mpls_label=5,mpls_tc=3,mpls_ttl=64,mpls_bos=1",
	} {
		m, err := ParseMatch(macs+text, Names{})
		if err != nil {
			t.Fatal(err)
		}
		f, ok := cache.FromBytes(m.Key.Compose())
		if !ok {
			t.Fatal("no frame")
		}
		var b frame.Batch
		b.Append(f)
		var keys Keys
		var got Key
		(&Extractor{}).Extract(pool, 1, 0, &b, &keys)
		keys.Key(0, &got)
		cache.PutBatch(&b)
		whole, want := got.Whole(), m.Key.Whole()
		if whole.String() != want.String() {
			t.Errorf("%s:\n got %s\nwant %s", text, whole.String(), want.String())
		}
	}
	cache.Close()
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}
