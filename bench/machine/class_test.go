package machine

import (
	"slices"
	"testing"
)

// recorded are the probes before and after each window of three runs on a virtual machine with two CPUs that was in one state
// nearly all of the time, and for some moments in another.
var recorded = [][]float64{
	{220, 207}, {183, 215}, {191, 203}, {230, 214}, {147, 202}, {232, 232}, {198, 191}, {201, 216}, {224, 225}, {192, 211},
	{233, 210}, {225, 156}, {264, 192}, {197, 192}, {190, 196}, {198, 197}, {267, 78}, {237, 179}, {215, 221}, {272, 205},
	{223, 199}, {228, 239}, {227, 181}, {205, 192}, {222, 200}, {191, 189}, {186, 299}, {233, 221}, {179, 209}, {210, 203},
	{245, 203}, {158, 197}, {192, 229}, {142, 237}, {193, 209}, {210, 240}, {171, 227}, {202, 223}, {172, 209}, {57, 200},
	{210, 270}, {189, 293}, {167, 256}, {256, 193}, {205, 272}, {238, 313}, {248, 276}, {74, 213}, {218, 60}, {62, 216},
}

func TestAStateThatLiesAcrossAnyBorderIsOneClass(t *testing.T) {
	for i, class := range Classes(recorded) {
		want := "middle"
		if slices.Min(recorded[i]) < 100 {
			want = Mixed
		}
		if class != want {
			t.Errorf("%v is %s, want %s", recorded[i], class, want)
		}
	}
}

func TestWindowsFallIntoTheClassesOfTheirRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		probes [][]float64
		want   []string
	}{
		{"nothing", nil, []string{}},
		{"no probes, or not both", [][]float64{nil, {70}, {70, 80}}, []string{"", "", "near"}},
		{"two states", [][]float64{{110, 105}, {450, 440}, {112, 460}, {480, 430}}, []string{"near", "far", Mixed, "far"}},
		{"three states", [][]float64{{60, 55}, {220, 207}, {460, 400}, {62, 210}}, []string{"near", "middle", "far", Mixed}},
		{"two states in one place", [][]float64{{50, 52}, {100, 105}, {51, 101}}, []string{"near, 51 ns", "near, 101 ns", Mixed}},
		{"a state that was seen while it was left", [][]float64{{100, 104}, {101, 230}}, []string{"near", Mixed}},
		{"without a gap, cut where it is widest", [][]float64{{100, 120}, {140, 160}, {180, 200}, {260, 290}, {300, 340}}, []string{"middle, 160 ns", "middle, 160 ns", "middle, 160 ns", "middle, 300 ns", "middle, 300 ns"}},
		{"too far apart for one state, however many lie between", [][]float64{{100, 130}, {160, 200}, {250, 105}}, []string{"middle", "middle", Mixed}},
		{"0, which no probe can be", [][]float64{{0, 0}, {70, 75}}, []string{"near, 1 ns", "near, 75 ns"}},
	} {
		if got := Classes(tt.probes); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestOneWindowIsClassedByItsOwnProbes(t *testing.T) {
	for _, tt := range []struct {
		before, after Distance
		want          string
	}{{70, 75, "near"}, {210, 150, "middle"}, {450, 480, "far"}, {75, 450, Mixed}} {
		if got := Class(tt.before, tt.after); got != tt.want {
			t.Errorf("%d and %d ns: got %q, want %q", tt.before, tt.after, got, tt.want)
		}
	}
}
