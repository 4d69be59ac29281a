package main

import (
	"net/netip"
	"testing"
	"time"
)

// pending is what a publisher would change in etcd.
func pending(p *publisher) map[string]change {
	all := make(map[string]change)
	for {
		list := p.take()
		if len(list) == 0 {
			return all
		}
		for _, c := range list {
			all[c.key] = c
		}
	}
}

func TestAGuestIsItsKeysAndItsEnd(t *testing.T) {
	p := newPublisher(nil, names, time.Second)
	p.announce(there)
	second := there
	second.MAC[5], second.IP = 2, netip.Addr{}
	p.announce(second)
	got := pending(p)
	end := names.ofEnd(7, there.End.Addr)
	if len(got) != 4 || got[names.of(byMAC)].gone || got[names.of(byIP)].gone || got[end].gone {
		t.Fatalf("%v", got)
	}
	p.withdraw(there)
	if got = pending(p); len(got) != 2 || !got[names.of(byMAC)].gone || got[names.of(byMAC)].text != encode(byMAC, there) {
		t.Fatalf("%v", got)
	}
	p.withdraw(second)
	if got = pending(p); len(got) != 2 || !got[end].gone {
		t.Fatalf("the last guest has gone: %v", got)
	}
}

func TestAGuestThatIsAnnouncedAgainIsWrittenAgain(t *testing.T) {
	p := newPublisher(nil, names, time.Second)
	p.announce(there)
	pending(p)
	p.announce(there)
	got := pending(p)
	for _, key := range []string{names.of(byMAC), names.of(byIP), names.ofEnd(7, there.End.Addr)} {
		if c, ok := got[key]; !ok || c.gone {
			t.Errorf("%s: %v", key, got)
		}
	}
	p.everything()
	if got := pending(p); len(got) != 3 {
		t.Fatalf("after an outage: %v", got)
	}
}

func TestAKeyThatSomebodyDeletesIsSetAgainWhileItIsWanted(t *testing.T) {
	p := newPublisher(nil, names, time.Second)
	p.announce(there)
	pending(p)
	p.lost(names.of(byMAC))
	p.lost("/t/7/mac/02:00:00:00:00:09")
	if got := pending(p); len(got) != 1 || got[names.of(byMAC)].gone || got[names.of(byMAC)].text != encode(byMAC, there) {
		t.Errorf("%v", got)
	}
	p.withdraw(there)
	pending(p)
	p.lost(names.of(byMAC))
	if got := pending(p); len(got) != 0 {
		t.Errorf("after the guest has gone: %v", got)
	}
}

func TestAnAddressThatHasPassedToAnotherGuestIsNotWithdrawnWithItsFormerOwner(t *testing.T) {
	p := newPublisher(nil, names, time.Second)
	p.announce(there)
	next := there
	next.MAC[5] = 2
	p.announce(next)
	p.withdraw(there)
	got := pending(p)
	if c := got[names.of(byIP)]; c.gone || c.text != encode(byIP, next) {
		t.Errorf("the address: %+v", c)
	}
	if c := got[names.of(byMAC)]; !c.gone {
		t.Errorf("the former owner: %+v", c)
	}
}

func TestWhatCouldNotBeWrittenIsWrittenAsItIsWantedThen(t *testing.T) {
	p := newPublisher(nil, names, time.Second)
	p.announce(there)
	list := p.take()
	p.withdraw(there)
	p.putBack(list)
	for _, c := range pending(p) {
		if !c.gone {
			t.Errorf("%v is set", c)
		}
	}
}

func TestThousandsOfChangesAreTakenSomeAtATime(t *testing.T) {
	p := newPublisher(nil, names, time.Second)
	for n := range 1000 {
		g := there
		g.MAC[4], g.MAC[5], g.IP = byte(n>>8), byte(n), netip.Addr{}
		p.announce(g)
	}
	if n := len(p.take()); n != maxChanges {
		t.Fatalf("%d taken", n)
	}
	if n := len(pending(p)); n != 1001-maxChanges {
		t.Fatalf("%d left", n)
	}
}
