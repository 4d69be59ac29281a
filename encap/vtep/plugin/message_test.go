package plugin

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

var (
	mac  = [6]byte{2, 0, 0, 0, 0, 1}
	addr = netip.MustParseAddr
)

func TestMessagesAreWhatTheDocumentationShows(t *testing.T) {
	for _, c := range []struct {
		m    Message
		want string
	}{
		{Message{Type: Hello, Version: 1, Name: "culvert", Self: []netip.Addr{addr("192.0.2.9")}},
			`{"type":"hello","version":1,"name":"culvert","self":["192.0.2.9"]}`},
		{about(Ask, vtep.ForMAC(7, mac)), `{"type":"ask","vni":7,"mac":"02:00:00:00:00:01"}`},
		{about(Ask, vtep.ForIP(7, addr("10.0.0.1"))), `{"type":"ask","vni":7,"ip":"10.0.0.1"}`},
		{about(Ask, vtep.ForFlood(0)), `{"type":"ask","flood":true}`},
	} {
		line, err := c.m.Encode()
		if err != nil || string(line) != c.want+"\n" {
			t.Errorf("%s, %v\nwant %s", line, err, c.want)
		}
	}
}

func about(what string, q vtep.Question) Message {
	m := Message{Type: what}
	m.SetQuestion(q)
	return m
}

// sent is m after it has gone over the wire.
func sent(t *testing.T, m *Message) *Message {
	t.Helper()
	line, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(line)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAnswersArriveAsTheyWereGiven(t *testing.T) {
	ends := []vtep.End{{Addr: addr("192.0.2.1"), Key: 7}, {Addr: addr("2001:db8::1"), Port: 8472, Key: 0}}
	for q, a := range map[vtep.Question]vtep.Answer{
		vtep.ForMAC(7, mac):                {Ends: ends[:1], Life: 3 * time.Second},
		vtep.ForMAC(8, mac):                {},
		vtep.ForIP(7, addr("10.0.0.1")):    {Ends: ends[1:], MAC: mac},
		vtep.ForIP(7, addr("2001:db8::2")): {Ends: ends[:1], MAC: mac},
		vtep.ForFlood(7):                   {Ends: ends},
	} {
		m := about(Answer, q)
		m.SetAnswer(&a)
		got := sent(t, &m)
		if r, err := got.Question(); err != nil || r != q {
			t.Errorf("%v: about %v, %v", q, r, err)
		}
		if b, err := got.Answer(); err != nil || !b.Equal(&a) || b.Life != a.Life {
			t.Errorf("%v: %v, %v, want %v", q, b, err, a)
		}
	}
}

func TestInvalidationsAndGuestsArriveAsTheyWereGiven(t *testing.T) {
	for _, s := range []vtep.Scope{
		{Question: vtep.ForMAC(7, mac)},
		{Question: vtep.ForIP(7, addr("10.0.0.1")), End: addr("192.0.2.1")},
		{What: vtep.Net, Question: vtep.Question{VNI: 7}},
		{What: vtep.Everything, End: addr("2001:db8::1")},
		{What: vtep.Everything},
	} {
		m := Message{Type: Invalidate}
		m.SetScope(s)
		if got, err := sent(t, &m).Scope(); err != nil || got != s {
			t.Errorf("%v, %v, want %v", got, err, s)
		}
	}
	for _, g := range []vtep.Guest{
		{VNI: 7, MAC: mac, End: vtep.End{Addr: addr("192.0.2.1"), Key: 7}},
		{VNI: 7, MAC: mac, IP: addr("10.0.0.1"), End: vtep.End{Addr: addr("2001:db8::1"), Port: 1, Key: 9}},
	} {
		m := Message{Type: Announce}
		m.SetGuest(g)
		if got, err := sent(t, &m).Guest(); err != nil || got != g {
			t.Errorf("%v, %v, want %v", got, err, g)
		}
	}
}

func TestWhatIsNoMessageIsAnError(t *testing.T) {
	for _, line := range []string{"", "{", "[]", "7", "{}", `{"type":7}`, `{"type":"ask","vni":-1}`, `{"type":"ask","vni":4294967296}`,
		`{"type":"ask","mac":"2"}`, `{"type":"ask","mac":"02:00:00:00:00:00:00:01"}`, `{"type":"ask","ip":"ten"}`,
		`{"type":"x","text":"` + strings.Repeat("x", MaxMessage) + `"}`} {
		if m, err := Decode([]byte(line)); !errors.Is(err, ErrMessage) {
			t.Errorf("%.40s: %v, %v", line, m, err)
		}
	}
	if m, err := Decode([]byte(`{"type":"ask","vni":7,"flood":true,"later":[1]}`)); err != nil || m.VNI != 7 {
		t.Errorf("a field of a later version: %v", err)
	}
}

func TestMessagesThatSayNothingSensible(t *testing.T) {
	decode := func(line string) *Message {
		m, err := Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if _, err := decode(`{"type":"ask","vni":7}`).Question(); err == nil {
		t.Error("a question about nothing")
	}
	if _, err := decode(`{"type":"invalidate","vni":7}`).Scope(); err == nil {
		t.Error("an invalidation of nothing")
	}
	for _, life := range []string{"-1", "604801", "9223372036854775807"} {
		if _, err := decode(`{"type":"answer","vni":7,"flood":true,"life":` + life + `}`).Answer(); err == nil {
			t.Errorf("a life of %s s", life)
		}
	}
	for _, g := range []string{`"mac":"02:00:00:00:00:01"`, `"ends":[{"addr":"192.0.2.1"}]`} {
		if _, err := decode(`{"type":"announce",` + g + `}`).Guest(); err == nil {
			t.Errorf("a guest with %s alone", g)
		}
	}
}

func FuzzAMessage(f *testing.F) {
	f.Add([]byte(`{"type":"answer","vni":7,"ip":"10.0.0.1","mac":"02:00:00:00:00:01","ends":[{"addr":"192.0.2.1","port":1,"key":2}],"life":3}`))
	f.Add([]byte(`{"type":"invalidate","vni":7,"net":true,"end":"192.0.2.1"}`))
	f.Add([]byte(`{"type":"shoot","vni":7,"mac":"02:00:00:00:00:01","end":"::1","to":"::2"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := Decode(line)
		if err != nil {
			return
		}
		_, _ = m.Scope()
		_, _ = m.Guest()
		q, err := m.Question()
		if err != nil {
			return
		}
		a, err := m.Answer()
		if err != nil || a.Check(q) != nil {
			return
		}
		again := about(Answer, q)
		again.SetAnswer(&a)
		got := sent(t, &again)
		b, err := got.Answer()
		if r, rerr := got.Question(); err != nil || rerr != nil || r != q || !slices.Equal(a.Ends, b.Ends) || a.Life != b.Life {
			t.Fatalf("%v %v became %v %v, %v %v", q, a, r, b, err, rerr)
		}
		if q.Kind == vtep.ByIP && !reflect.DeepEqual(a.MAC, b.MAC) {
			t.Fatalf("MAC %v became %v", a.MAC, b.MAC)
		}
	})
}
