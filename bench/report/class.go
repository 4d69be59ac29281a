package report

import "github.com/culvertdev/culvert/bench/result"

// usualClass is the class of most of a run's windows that count: labels name every other one. It is "" when most have none.
func usualClass(run *result.Run) (usual string) {
	count := make(map[string]int)
	for i := range run.Rows {
		for k := range run.Rows[i].Windows {
			w := &run.Rows[i].Windows[k]
			if w.LeftOut == "" && w.Class != result.Mixed {
				count[w.Class]++
			}
		}
	}
	for class, n := range count {
		if n > count[usual] || n == count[usual] && class > usual {
			usual = class
		}
	}
	return usual
}

// classNote stands behind the name of a row whose windows are of another class than usual.
func classNote(class, usual string) string {
	switch class {
	case usual:
		return ""
	case "":
		return ", CPUs not probed"
	}
	return ", CPUs " + class
}

// usualText says once what labels leave out.
func usualText(usual string) string {
	if usual == "" {
		return ""
	}
	return "CPUs " + usual + " (how far they are from each other) where nothing else is said.\n"
}
