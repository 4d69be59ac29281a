package stage

import (
	"testing"

	"github.com/culvertdev/culvert/pmd/cpu"
)

// cycle is a poll cycle that receives n packets.
func cycle(c *Clock, n int) {
	c.Begin(c.clock.Cycles())
	c.Enter(Receive)
	if n > 0 {
		c.Enter(Parse)
		was := c.Enter(Transmit)
		c.Enter(was)
	}
	c.End(n, n > 0)
}

func TestOneBusyCycleOfManyIsTimed(t *testing.T) {
	c := New(cpu.NewClock())
	for range 3 * Every {
		cycle(c, 2)
	}
	c.Publish()
	if n := c.Times().Packets; n != 3*2 {
		t.Errorf("%d packets timed, want those of 3 cycles, 2 each", n)
	}
}

func TestACycleWithoutPacketsIsNotTheOneThatIsTimed(t *testing.T) {
	c := New(cpu.NewClock())
	for range 10 {
		cycle(c, 0)
	}
	c.Publish()
	if got := c.Times(); got != (Times{}) {
		t.Errorf("idle cycles count %v, want nothing", got)
	}
	cycle(c, 5)
	c.Publish()
	if n := c.Times().Packets; n != 5 {
		t.Errorf("%d packets timed, want the 5 of the first busy cycle", n)
	}
}

func TestAllTimeBetweenBeginAndEndGoesToTheStageThatWasEntered(t *testing.T) {
	c := New(cpu.NewClock())
	before := c.clock.Cycles()
	c.Begin(before)
	c.Enter(Parse)
	parse := c.clock.Cycles()
	for c.clock.Cycles() < parse+100_000 {
		// spend time
	}
	if was := c.Enter(Transmit); was != Parse {
		t.Errorf("%v ended, want %v", was, Parse)
	}
	c.End(1, true)
	after := c.clock.Cycles()
	c.Publish()
	got := c.Times()
	if got.Cycles[Parse] < 100_000 {
		t.Errorf("%d cycles of parsing, want the 100000 that it took", got.Cycles[Parse])
	}
	sum := uint64(0)
	for _, n := range got.Cycles {
		sum += n
	}
	if sum > uint64(after-before) {
		t.Errorf("%d cycles in %d", sum, after-before)
	}
	if got.Cycles[Megaflow] != 0 {
		t.Errorf("%d cycles in a stage that was never entered", got.Cycles[Megaflow])
	}
}

func TestAClockThatIsNobodysTimesNothing(t *testing.T) {
	var c Clock
	c.Begin(1)
	if was := c.Enter(Parse); was != Rest {
		t.Errorf("%v ended, want %v", was, Rest)
	}
	c.End(1, true)
}

func TestTimingAllocatesNothing(t *testing.T) {
	c := New(cpu.NewClock())
	if n := testing.AllocsPerRun(2*Every, func() { cycle(c, 1); c.Publish() }); n != 0 {
		t.Errorf("%v allocations in a cycle, want 0", n)
	}
}

func TestTimesAreTakenFromEachOtherAndDivided(t *testing.T) {
	before := Times{Packets: 10, Cycles: [Count]uint64{Parse: 100}}
	now := Times{Packets: 30, Cycles: [Count]uint64{Parse: 700}}
	if got := now.Less(before).PerPacket(Parse); got != 30 {
		t.Errorf("%v cycles a packet, want 30", got)
	}
	if got := (Times{}).PerPacket(Parse); got != 0 {
		t.Errorf("%v cycles for each of no packets, want 0", got)
	}
}

func TestEveryStageHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for s := range Count {
		if name := s.String(); name == "" || table[s].Help == "" || seen[name] {
			t.Errorf("stage %d has the name %q", s, name)
		} else {
			seen[name] = true
		}
	}
	if Count.String() != "none" {
		t.Errorf("behind the last is %q", Count)
	}
}

// BenchmarkEnter is what a stage costs in a cycle that is not timed, and in one that is.
func BenchmarkEnter(b *testing.B) {
	for _, on := range []bool{false, true} {
		name := "not-timed"
		if on {
			name = "timed"
		}
		b.Run(name, func(b *testing.B) {
			c := New(cpu.NewClock())
			c.on = on
			for b.Loop() {
				c.Enter(Parse)
			}
		})
	}
}
