//go:build integration

package overlay

import (
	"os"
	"time"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// judgeGuest sends a little of everything through the tunnel to a guest, which captures what comes to it, and has tshark read that,
// as capture.judge.
func (s *site) judgeGuest(g *guest.Guest, network byte, filter string) {
	s.Helper()
	s.receiveJoined(g, false)
	must(s.T, g.Capture(s.ctx, guest.Link))
	s.sendAll(s.ways(g.Host, network, network), time.Millisecond)
	packets, err := g.Captured(s.ctx, guest.Link)
	must(s.T, err)
	s.receiveJoined(g, true)
	c := &capture{path: s.path("guest.pcap")}
	must(s.T, c.write(packets))
	c.judge(s, 20, filter)
}

// receiveJoined says whether the guest's kernel makes one packet of several of a stream, before they are captured and with checksums
// that are of none of them. Without that, emulated, it is slow.
func (s *site) receiveJoined(g *guest.Guest, joined bool) {
	s.Helper()
	_, err := g.SetLink(s.ctx, inside.Link{Name: guest.Link, Offloads: map[string]bool{"rx-gro": joined}})
	must(s.T, err)
}

// write makes the capture one of packets that somebody else has captured.
func (c *capture) write(packets [][]byte) error {
	f, err := os.Create(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(1<<18, layers.LinkTypeEthernet); err != nil {
		return err
	}
	for _, p := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(p), Length: len(p)}, p); err != nil {
			return err
		}
	}
	return nil
}
