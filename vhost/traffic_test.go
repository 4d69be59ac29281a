package vhost

import (
	"testing"

	"github.com/culvertdev/culvert/vhost/proto"
)

// shapes are the kinds of guests that traffic is tested with.
func shapes() map[string]shape {
	return map[string]shape{
		"split":                                 {features: common},
		"split, legacy header":                  {features: proto.ProtocolBit},
		"split, merged buffers":                 {features: common | proto.MrgRxbuf},
		"split, event index":                    {features: common | proto.EventIdx},
		"split, indirect":                       {features: common | proto.IndirectDesc, split: 12},
		"split, in order":                       {features: common | proto.InOrder},
		"split, header on its own":              {features: common, split: 12},
		"split, header in two":                  {features: common, split: 5},
		"split, header with some data":          {features: common, split: 40},
		"split, small ring":                     {features: common, size: 16},
		"split, before rings could be disabled": {features: proto.Version1},
		"packed":                                {features: common | proto.RingPacked},
		"packed, merged buffers":                {features: common | proto.RingPacked | proto.MrgRxbuf},
		"packed, event index":                   {features: common | proto.RingPacked | proto.EventIdx},
		"packed, indirect":                      {features: common | proto.RingPacked | proto.IndirectDesc, split: 12},
		"packed, in order":                      {features: common | proto.RingPacked | proto.InOrder},
		"packed, header in two":                 {features: common | proto.RingPacked, split: 5},
		"packed, small ring":                    {features: common | proto.RingPacked, size: 16},
		"to a port that listens":                {features: common, server: true},
	}
}

func TestPacketsOfAGuestComeIn(t *testing.T) {
	for name, s := range shapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			total, size := 0, 0
			for _, n := range []int{1, 3, 7, 1, 5} { // round the small ring more than once, in the end
				var want [][]byte
				for range n {
					p := number(total, 60+total*97%1400)
					want = append(want, p)
					total++
					size += len(p)
				}
				b.g.send(0, nil, want...)
				same(t, b.recv(0, n), want)
			}
			b.want("rx_packets", uint64(total))
			b.want("rx_bytes", uint64(size))
			if err := b.g.rings[1].Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPacketsGoToAGuest(t *testing.T) {
	for name, s := range shapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			total, size := 0, 0
			for _, n := range []int{1, 3, 7, 1, 5} {
				var want [][]byte
				for range n {
					p := number(total, 60+total*97%1400)
					want = append(want, p)
					total++
					size += len(p)
				}
				b.g.offer(0, n, 2048)
				if sent := b.send(0, want...); sent != n {
					t.Fatalf("%d of %d packets were taken", sent, n)
				}
				var got [][]byte
				for _, p := range b.g.receive(0) {
					got = append(got, p.data)
				}
				same(t, got, want)
			}
			b.want("tx_packets", uint64(total))
			b.want("tx_bytes", uint64(size))
			if err := b.g.rings[0].Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLongPacketsAreChains(t *testing.T) {
	b := connected(t, shape{features: common | proto.MrgRxbuf})
	var want [][]byte
	for i, size := range []int{1664, 1665, 9000, 65000} {
		want = append(want, number(i, size))
	}
	b.g.send(0, nil, want...)
	same(t, b.recv(0, len(want)), want)
}

// A device must not pass packets longer than the MTU that its driver was told, unless they are to be cut (VIRTIO 1.2, 5.1.4.1).
func TestPacketsLongerThanTheGuestsMTUAreDropped(t *testing.T) {
	const mtu = 1000
	for _, features := range []proto.Features{common | proto.NetMTU, common} {
		b := connected(t, shape{features: features})
		b.g.tell(proto.NetSetMTU, proto.U64(mtu))
		b.up()
		b.g.offer(0, 4, 2048)
		want := 1
		if !features.Has(proto.NetMTU) {
			want = 2 // the driver has not been told
		}
		if n := b.send(0, number(1, mtu+tagRoom), number(2, mtu+tagRoom+1)); n != want {
			t.Errorf("%v: %d packets were taken, want %d", features, n, want)
		}
		b.want("tx_too_long", uint64(2-want))
		if got := b.g.receive(0); len(got) != want {
			t.Errorf("%v: the guest has %d packets, want %d", features, len(got), want)
		}
	}
}
