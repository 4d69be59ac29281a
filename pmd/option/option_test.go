package option

import (
	"strings"
	"testing"
	"time"
)

// TestEveryMistakeIsNamed gives wrong values for every kind of option at once.
func TestEveryMistakeIsNamed(t *testing.T) {
	s := Of(map[string]string{
		"queues": "0", "pace": "fast", "up": "maybe", "drop": "1.5", "stall": "-1s",
		"mac": "01:00:00:00:00:00", "address": "192.0.2.1", "seed": "-1", "colour": "red",
	})
	got := []any{
		s.Int("queues", 1, 1, 16), s.Choice("pace", "none", "capture"), s.Bool("up", true),
		s.Probability("drop"), s.Duration("stall", time.Second, time.Minute),
		s.Uint64("seed", 7), len(s.MAC("mac")), len(s.Prefixes("address")),
	}
	want := []any{1, "none", true, 0.0, time.Second, uint64(7), 0, 0}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("answer %d is %v, want the default %v", i, got[i], want[i])
		}
	}
	err := s.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`option queues: want a whole number from 1 to 16, found "0"`,
		`option pace: want one of none, capture, found "fast"`,
		`option up: want true or false, found "maybe"`,
		`option drop: want a probability from 0 to 1, found "1.5"`,
		`option stall: want a time from 0s to 1m0s, such as 50us, found "-1s"`,
		`option seed: want a whole number of at most 64 bits, found "-1"`,
		`option mac: want a unicast Ethernet address`,
		`option address: want an address with its prefix length`,
		`option colour: unknown; want one of address, drop,`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

// TestGoodValuesAreReturned asks for every kind of option with a value that is right.
func TestGoodValuesAreReturned(t *testing.T) {
	s := Of(map[string]string{
		"queues": "0x10", "pace": "capture", "up": "no", "drop": "0.25", "stall": "50us",
		"mac": "02:00:00:00:00:01", "address": "192.0.2.1/24, 2001:db8::1/64", "in": "a.pcap",
	})
	got := []any{
		s.Int("queues", 1, 1, 16), s.Choice("pace", "none", "capture"), s.Bool("up", true),
		s.Probability("drop"), s.Duration("stall", 0, time.Minute), s.Uint64("seed", 7),
		s.MAC("mac").String(), s.Prefixes("address")[1].String(), s.String("in", ""), s.Has("out"),
	}
	want := []any{
		16, "capture", false, 0.25, 50 * time.Microsecond, uint64(7),
		"02:00:00:00:00:01", "2001:db8::1/64", "a.pcap", false,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("answer %d is %v, want %v", i, got[i], want[i])
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}
