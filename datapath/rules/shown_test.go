package rules

import (
	"net/netip"
	"testing"
)

func TestWhatPacketsShowSurvivesATrail(t *testing.T) {
	ip := netip.MustParseAddr
	mac := [6]byte{2, 1, 2, 3, 4, 0xff}
	for _, l := range []Lesson{
		{VNI: 0xffffffff, Src: mac, Dst: [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, IP: ip("10.0.0.1"), From: ip("192.0.2.1"), To: ip("192.0.2.2")},
		{Src: mac, From: ip("2001:db8::1"), To: ip("2001:db8::2")},
		{IP: ip("fd00::1"), From: ip("192.0.2.1"), To: ip("0.0.0.0")},
	} {
		if words := AppendLesson(nil, &l); len(words) != LessonWords || LessonOf(words) != l {
			t.Errorf("%+v became %+v in %d words", l, LessonOf(words), len(words))
		}
	}
	for _, e := range []Entry{{}, {VNI: 0xffffffff, Src: mac, Port: 1}, {VNI: 1, Port: 0xffffffff, IP: ip("10.0.0.1")}, {Src: mac, IP: ip("fd00::1")}} {
		if words := AppendEntry(nil, &e); len(words) != EntryWords || EntryOf(words) != e {
			t.Errorf("%+v became %+v in %d words", e, EntryOf(words), len(words))
		}
	}
}
