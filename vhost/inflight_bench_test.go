package vhost

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
)

// BenchmarkInflight is what it costs the port to note what is in flight: two guests take turns, burst by burst, one of
// which has given it memory for that. So what the machine does otherwise hits both alike. x-plain is the median of
// neighbours' ratios.
func BenchmarkInflight(b *testing.B) {
	for _, c := range []struct {
		name     string
		features proto.Features
	}{
		{"split", common}, {"split-inorder", common | proto.InOrder}, {"packed", common | proto.RingPacked}, {"packed-inorder", common | proto.RingPacked | proto.InOrder},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := shape{features: c.features, size: 1024}
			plain, noted := newLoop(connected(b, s), 60), newLoop(connected(b, s), 60)
			layout, fd := noted.g.askInflight()
			noted.g.tell(proto.SetInflightFD, layout, fd) // the rings that run begin to be noted
			unix.Close(fd)
			noted.up()
			if noted.p.rings[0].flight == nil || noted.p.rings[1].flight == nil || plain.p.rings[0].flight != nil {
				b.Fatal("want one guest whose buffers are noted, and one whose are not")
			}
			ratios := make([]float64, 0, len(stage{}.last))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				var cycles [2]int64
				for turn := range 2 { // who is first changes
					if (i+turn)&1 == 0 {
						cycles[0] = plain.turn()
					} else {
						cycles[1] = noted.turn()
					}
				}
				if len(ratios) < cap(ratios) {
					ratios = append(ratios, float64(cycles[1])/float64(cycles[0]))
				}
			}
			slices.Sort(ratios)
			b.ReportMetric(plain.in.median()+plain.out.median(), "plain-cycles/pkt")
			b.ReportMetric(noted.in.median()+noted.out.median(), "noted-cycles/pkt")
			b.ReportMetric(ratios[len(ratios)/2], "x-plain")
		})
	}
}
