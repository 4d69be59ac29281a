// Package soak runs the real daemon under mixed traffic for a long time while ports, links and rules
// come and go, and judges whether anything was lost on the way: frames, counters, memory.
package soak
