package vhost

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLinesThatTheLevelHidesTakeNoRoom(t *testing.T) {
	var out bytes.Buffer
	s := &sayings{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	now := time.Now()
	for range 2 * mostSayings {
		s.say(now, slog.LevelInfo, "hidden")
	}
	s.say(now, slog.LevelWarn, "shown")
	if got := out.String(); !strings.Contains(got, "msg=shown") || strings.Contains(got, "left_out") {
		t.Fatalf("the log has %q, want the one line that shows, and none left out", got)
	}
}
