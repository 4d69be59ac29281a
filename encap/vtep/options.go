package vtep

import (
	"cmp"
	"errors"
	"net/netip"
	"time"
)

// Options of a Directory. Clock is needed; zero values of all else get the defaults named.
type Options struct {
	Clock func() int64 // the time now in ns, on the clock of rules.Query
	// Notify, when not nil, is called when Changes has something new. It must not block and not call the
	// Directory; it may be called from several goroutines.
	Notify func()
	Self   []netip.Addr // this host's own ends: left out of answers to Flood

	Life         time.Duration // an answer is asked for again after this, or its own life if shorter; 5 min
	NegativeLife time.Duration // the same for an answer that there is nobody; 5 s
	Wait         time.Duration // for an answer, before it is asked again; 1 s
	Tries        int           // times that a question is asked before it counts as unanswered; 3

	MaxKnown    int // answers; 65,536
	MaxNegative int // answers that there is nobody, and unanswered questions; 16,384
	MaxWaiting  int // questions that wait for their first answer, half of them of one VNI; 1024
	Rate        int // questions a second, half of them of one VNI, bursts of a second's worth; 1000

	FloodUnknown bool // what is for nobody known goes to all
}

// withDefaults returns o with the defaults in place of zeros.
func (o Options) withDefaults() (Options, error) {
	if o.Clock == nil {
		return o, errors.New("vtep: Options.Clock is needed")
	}
	o.Life = cmp.Or(o.Life, 5*time.Minute)
	o.NegativeLife = cmp.Or(o.NegativeLife, 5*time.Second)
	o.Wait = cmp.Or(o.Wait, time.Second)
	o.Tries = cmp.Or(o.Tries, 3)
	o.MaxKnown = cmp.Or(o.MaxKnown, 65536)
	o.MaxNegative = cmp.Or(o.MaxNegative, 16384)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 1024)
	o.Rate = cmp.Or(o.Rate, 1000)
	for _, n := range []int64{int64(o.Life), int64(o.NegativeLife), int64(o.Wait), int64(o.Tries), int64(o.MaxKnown),
		int64(o.MaxNegative), int64(o.MaxWaiting), int64(o.Rate)} {
		if n < 0 {
			return o, errors.New("vtep: an option is negative")
		}
	}
	return o, nil
}
