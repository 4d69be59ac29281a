package frontend

import (
	"log/slog"
	"strings"
	"testing"
)

func TestBadOptionsAreNamed(t *testing.T) {
	d := New(newPool(t, 64), slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		options map[string]string
		want    string
	}{
		{nil, "option path: want the path of a Unix socket"},
		{map[string]string{"path": strings.Repeat("x", 108)}, "option path: want the path of a Unix socket, of 1 to 107 bytes"},
		{map[string]string{"path": "s", "mode": "guest"}, "option mode: want one of server, client"},
		{map[string]string{"path": "s", "queues": "65"}, "option queues: want a whole number from 1 to 64"},
		{map[string]string{"path": "s", "ring-size": "100"}, "option ring-size: want a power of two"},
		{map[string]string{"path": "s", "mtu": "67"}, "option mtu: want a whole number from 68 to 65521"},
		{map[string]string{"path": "s", "packed": "maybe"}, "option packed: want true or false"},
		{map[string]string{"path": "s", "mtu": "9000", "mergeable": "false"}, "an MTU of 9000 bytes without mergeable buffers, want at most 1642"},
	} {
		_, err := d.Open(t.Context(), "guest", tc.options)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: error %v, want %q", tc.options, err, tc.want)
		}
	}
	port, err := d.Open(t.Context(), "guest", map[string]string{"path": socketPath(t), "queues": "2"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(port.RxQueues()); n != 2 {
		t.Errorf("%d receive queues, want 2", n)
	}
	if err := port.Close(); err != nil {
		t.Error(err)
	}
}
