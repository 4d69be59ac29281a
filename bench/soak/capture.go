package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// A pass over the capture is a short burst and a long silence, in which counters can stand still.
const (
	captureFrames = 64
	captureGap    = time.Millisecond // between packets of the burst
	captureRest   = 3 * time.Second  // before the last packet
)

// writeCapture writes a capture of odd packets.
func writeCapture(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(1<<16, layers.LinkTypeEthernet); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	frames := malformed(rand.New(rand.NewPCG(1, 1)), captureFrames)
	at := time.Unix(0, 0)
	for i, b := range frames {
		at = at.Add(captureGap)
		if i == len(frames)-1 {
			at = at.Add(captureRest)
		}
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(b), Length: len(b)}, b); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return f.Close()
}
