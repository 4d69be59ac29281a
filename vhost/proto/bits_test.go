package proto

import (
	"strings"
	"testing"
)

func TestFeaturesHaveNames(t *testing.T) {
	for f, want := range map[Features]string{
		0:                               "none",
		Csum | MrgRxbuf | Version1:      "csum mrg_rxbuf version_1",
		RingPacked | InOrder | 1<<50:    "ring_packed in_order bit50",
		ProtocolBit | LogAll | 1<<4 | 1: "csum bit4 log_all protocol_features",
	} {
		if got := f.String(); got != want {
			t.Errorf("%#x is %q, want %q", uint64(f), got, want)
		}
		if got, err := ParseFeatures(want); err != nil || got != f {
			t.Errorf("%q is read as %v, %v", want, got, err)
		}
	}
	if got, err := ParseProtocolFeatures("mq,reply_ack, device_state"); err != nil || got != PMQ|PReplyAck|PDeviceState {
		t.Errorf("read as %v, %v", got, err)
	}
	if got := (StatusDriver | StatusDriverOK).String(); got != "driver driver_ok" {
		t.Errorf("status is %q", got)
	}
	for _, bad := range []string{"cum", "bit64", "bit", "bit-1", "bit007"} {
		if _, err := ParseFeatures("csum " + bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}
