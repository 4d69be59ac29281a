package vhost

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	mostSayings = 60          // lines that the log has at once of what frontends do at one port
	sayingEvery = time.Second // and another one
)

// A sayings is what the log has of what frontends do. They may connect, ask for what cannot be and hang up as fast as they like: the disk
// is not theirs to fill, by however many sessions. What is left out is counted in the next line.
//
// Thread-safety: all methods are safe for concurrent use.
type sayings struct {
	log *slog.Logger

	mu    sync.Mutex
	spent int // lines, of mostSayings
	at    time.Time
	left  int // lines left out since the last
}

// say logs a line if there is room for it. One that the level hides takes no room.
func (s *sayings) say(now time.Time, level slog.Level, what string, args ...any) {
	if !s.log.Enabled(context.Background(), level) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if back := int(now.Sub(s.at) / sayingEvery); back > 0 {
		s.spent = max(0, s.spent-back)
		s.at = now
	}
	if s.spent == mostSayings {
		s.left++
		return
	}
	s.spent++
	if s.left > 0 {
		args = append(args, "left_out", s.left)
		s.left = 0
	}
	s.log.Log(context.Background(), level, what, args...)
}

// Info and Warn are say, now.
func (s *sayings) Info(what string, args ...any) { s.say(time.Now(), slog.LevelInfo, what, args...) }
func (s *sayings) Warn(what string, args ...any) { s.say(time.Now(), slog.LevelWarn, what, args...) }
