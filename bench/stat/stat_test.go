package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b) }

func TestTheMedianOfFew(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{
		{nil, math.NaN()}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64},
	} {
		given := slices.Clone(c.all)
		if got := Median(c.all); !near(got, c.want) || !slices.Equal(c.all, given) {
			t.Errorf("%v: got %v, want %v", c.all, got, c.want)
		}
	}
}

// Confidences from tables of the sign test: of 6 figures the range has 1-2/64, of 9 the second to the eighth 1-20/512.
func TestWhereTheMedianLies(t *testing.T) {
	count := func(n int) (all []float64) {
		for i := range n {
			all = append(all, float64((i*7)%n+1)) // 7 and the n below have no divisor in common
		}
		return all
	}
	for _, c := range []struct {
		n    int
		want Interval
	}{
		{1, Interval{1, 1, 0}}, {2, Interval{1, 2, 0.5}}, {5, Interval{1, 5, 0.9375}}, {6, Interval{1, 6, 0.96875}},
		{9, Interval{2, 8, 1 - 20.0/512}}, {10, Interval{2, 9, 1 - 22.0/1024}}, {20, Interval{6, 15, 0.9586105346679688}},
	} {
		if got := MedianInterval(count(c.n), 0.95); got.Low != c.want.Low || got.High != c.want.High || !near(got.Confidence, c.want.Confidence) {
			t.Errorf("%d figures: got %v, want %v", c.n, got, c.want)
		}
	}
	if got := MedianInterval(nil, 0.95); got.Confidence != 0 || !math.IsNaN(got.Low) {
		t.Errorf("of none: got %v", got)
	}
}

// Probabilities by hand: of the ways to choose b out of all, those that are as far out.
func TestRankSumsByHand(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []float64
		want float64
	}{
		{"nothing", nil, []float64{1}, 1},
		{"one each", []float64{1}, []float64{2}, 1},
		{"three apart from three", []float64{1, 2, 3}, []float64{4, 5, 6}, 2.0 / 20},
		{"four apart from four", []float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}, 2.0 / 70},
		{"one pair the other way", []float64{1, 2, 3, 5}, []float64{4, 6, 7, 8}, 4.0 / 70},
		{"all equal", []float64{1, 1, 1}, []float64{1, 1}, 1},
		{"ties within", []float64{1, 1}, []float64{2, 2}, 2.0 / 6},
		{"a tie between", []float64{1, 2}, []float64{2, 3}, 4.0 / 6}, // ranks 1 2.5 2.5 4: of 6 sums 3.5 3.5 5 5 6.5 6.5 four are 1.5 off
		{"alternating", []float64{1, 3, 5}, []float64{2, 4, 6}, 14.0 / 20},
	} {
		if got := RankSum(c.a, c.b); !near(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		if got := RankSum(c.b, c.a); !near(got, c.want) {
			t.Errorf("%s, the other way: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := LeastP(4, 4); !near(got, 2.0/70) {
		t.Errorf("the least of 4 and 4: got %v", got)
	}
	if got := LeastP(6, 3); !near(got, 2.0/84) {
		t.Errorf("the least of 6 and 3: got %v", got)
	}
}

func TestTheApproximationMeetsTheExactTest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		a, b := make([]float64, 50), make([]float64, 50)
		for i := range a {
			a[i], b[i] = math.Floor(20*r.Float64()), math.Floor(20*r.Float64()+3*r.Float64()) // with ties
		}
		ranks, ties := ranks2(a, b)
		sum := 0
		for _, x := range ranks[50:] {
			sum += x
		}
		exact, other := RankSum(a, b), normalTail(50, 50, abs(sum-50*101), ties)
		if math.Abs(exact-other) > 0.005 {
			t.Errorf("exact %v, approximately %v", exact, other)
		}
	}
	same := make([]float64, 60)
	if got := RankSum(same, same); got != 1 {
		t.Errorf("120 equal figures: got %v", got)
	}
}

// draws are distributions as different as those of real windows: with a tail, with two modes, in steps.
var draws = map[string]func(*rand.Rand) float64{
	"normal":      func(r *rand.Rand) float64 { return 100 + 5*r.NormFloat64() },
	"long tail":   func(r *rand.Rand) float64 { return 10 + math.Exp(1.5*r.NormFloat64()) },
	"two modes":   func(r *rand.Rand) float64 { return 100 + 80*math.Floor(2*r.Float64()) + r.Float64() },
	"three steps": func(r *rand.Rand) float64 { return 1 + math.Floor(3*r.Float64()) },
}

// Of windows of one distribution, a promise of 5 % must hold, whatever the distribution.
func TestNoiseIsSeldomTakenForAChange(t *testing.T) {
	const runs = 2000
	for name, draw := range draws {
		r := rand.New(rand.NewPCG(3, 4))
		for _, n := range [][2]int{{4, 4}, {6, 10}, {10, 10}} {
			alarms := 0
			for range runs {
				if RankSum(list(r, n[0], draw), list(r, n[1], draw)) <= 0.05 {
					alarms++
				}
			}
			// Three standard deviations of what chance makes of 5 % of them.
			if most := 0.05*runs + 3*math.Sqrt(0.05*0.95*runs); float64(alarms) > most {
				t.Errorf("%s, %v windows: %d of %d alarms, want at most %.0f", name, n, alarms, runs, most)
			}
		}
	}
}

func TestIntervalsCoverWhatTheyShould(t *testing.T) {
	const runs = 2000
	r := rand.New(rand.NewPCG(5, 6))
	median, ratio := 0, 0
	for range runs {
		a := list(r, 8, draws["long tail"])
		b := list(r, 8, draws["long tail"])
		if i := MedianInterval(a, 0.95); i.Low <= 11 && 11 <= i.High { // exp(0) over 10
			median++
		}
		for i := range b {
			b[i] *= 0.7
		}
		if _, i := Ratio(a, b, 0.95); i.Low <= 0.7 && 0.7 <= i.High {
			ratio++
		}
	}
	if least := int(0.95*runs - 3*math.Sqrt(0.05*0.95*runs)); median < least || ratio < least {
		t.Errorf("median in %d, ratio in %d of %d, want %d", median, ratio, runs, least)
	}
}

func TestARatioAndItsIntervalByHand(t *testing.T) {
	a, b := []float64{1, 2, 4, 8}, []float64{16, 32, 64, 128}
	got, where := Ratio(a, b, 0.95)
	// 16 ratios of 2 to 128; of 4 and 4, only none of 16 pairs the other way has less than 2.5 % of the orders (1 of 70).
	if got != 16 || where.Low != 2 || where.High != 128 || !near(where.Confidence, 1-2.0/70) {
		t.Errorf("got %v, %v", got, where)
	}
	if _, where = Ratio(a, b, 0.9); where.Low != 4 || where.High != 64 || !near(where.Confidence, 1-4.0/70) {
		t.Errorf("with 90 %%: got %v", where)
	}
	if _, where = Ratio(a[:1], b[:2], 0.95); where.Low != 16 || where.High != 32 || !near(where.Confidence, 1-2.0/3) {
		t.Errorf("of one and two: got %v", where)
	}
	if got, where = Ratio(nil, b, 0.95); !math.IsNaN(got) || where.Confidence != 0 {
		t.Errorf("of nothing: got %v, %v", got, where)
	}
}

// Interval and test must say the same, as they stand beside each other in reports.
func TestARatiosIntervalLeavesOutOneWhenTheTestSaysSo(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 500 {
		a, b := list(r, 4+i%6, draws["normal"]), list(r, 4+i%5, draws["normal"])
		for j := range b {
			b[j] *= 1.05
		}
		_, where := Ratio(a, b, 0.95)
		if out, p := where.Low > 1 || where.High < 1, RankSum(a, b); out != (p <= 0.05) {
			t.Fatalf("%v and %v: p %v, interval %v", a, b, p, where)
		}
	}
}

// With more figures than are counted out, the interval must be nearly that of as many as are.
func TestManyFiguresHaveNearlyTheSameInterval(t *testing.T) {
	exact, _ := leftOut(50, 50, 0.95)
	deviation := math.Sqrt(50 * 50 * 101 / 12.0)
	if about := int(1250 - 1.959964*deviation); abs(exact-about) > 3 {
		t.Errorf("%d ratios left out, about %d by the normal distribution", exact, about)
	}
	if many, outside := leftOut(51, 50, 0.95); abs(many-exact) > 60 || outside > 0.0501 {
		t.Errorf("%d left out of 51 times 50, %d of 50 times 50", many, exact)
	}
}

func TestDiscoveriesByHand(t *testing.T) {
	for _, c := range []struct {
		p    []float64
		want []bool
	}{
		{nil, []bool{}},
		{[]float64{0.04}, []bool{true}},
		{[]float64{0.04, 0.9}, []bool{false, false}},
		{[]float64{0.04, 0.03}, []bool{true, true}}, // all of them at once
		{[]float64{0.9, 0.001, 0.03, 0.02, 0.5}, []bool{false, true, true, true, false}},            // 0.03 = 3/5 of 0.05
		{[]float64{0.02, 0.02, 0.02, 0.9, 0.9, 0.9}, []bool{true, true, true, false, false, false}}, // 0.025 for the third
		{[]float64{0.03, 0.03, 0.03, 0.9, 0.9, 0.9}, []bool{false, false, false, false, false, false}},
	} {
		if got := Discoveries(c.p, 0.05); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.p, got, c.want)
		}
	}
}

func list(r *rand.Rand, n int, draw func(*rand.Rand) float64) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = draw(r)
	}
	return all
}
