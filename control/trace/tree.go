package trace

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/datapath"
)

// A node is a line of a trace with those below it.
type node struct {
	text string
	// group: lines can stand below it. Others are actions, and remarks on them.
	group bool
	depth int
	subs  []*node
}

// tree arranges what a rule table said as Open vSwitch does: below each rule its actions, with remarks behind them
// and, behind an action that led to another look-up, what that found.
func tree(root string, steps []datapath.TraceStep) *node {
	top := &node{text: root, group: true, depth: -1}
	open := []*node{top} // groups that the next line may be part of
	for _, s := range steps {
		limit := s.Depth // of groups that the line is not part of
		if strings.HasPrefix(s.Line, actionSet) {
			limit++ // it stands with the actions of the first rule
		}
		for open[len(open)-1].depth >= limit {
			open = open[:len(open)-1]
		}
		if open[len(open)-1].text == thaw && !isThaw(s.Line) {
			open = open[:len(open)-1]
		}
		parent := open[len(open)-1]
		n := &node{text: s.Line, depth: s.Depth, group: isGroup(s.Line) || parent.text == thaw}
		parent.subs = append(parent.subs, n)
		if n.group {
			open = append(open, n)
		}
	}
	return top
}

const (
	thaw      = "thaw" // the line below which a translation says where it goes on
	actionSet = "--. " // how the line begins below which the action set is carried out
)

// isThaw reports whether a line says where a translation goes on.
func isThaw(line string) bool {
	return strings.HasPrefix(line, "Resuming from ") || strings.HasPrefix(line, "Restoring ")
}

// isGroup reports whether a line is a rule (" 0. …", "--. …"), a bucket or the beginning of what goes on.
func isGroup(line string) bool {
	if len(line) > 4 && line[:4] != "    " {
		number, _, ok := strings.Cut(line, ". ")
		if ok && strings.Trim(number, " 0123456789-") == "" {
			return true
		}
	}
	return line == thaw || strings.HasPrefix(line, "bucket ")
}

func isRemark(line string) bool {
	return strings.HasPrefix(line, "->") || strings.HasPrefix(line, ">>")
}

// print writes the lines of subs. Those that more follow, and actions, stand further in, so that what is at the end of
// a list, as a resubmit often is, does not wander off to the right.
func print(b *strings.Builder, subs []*node, level int) {
	for i, n := range subs {
		more := 0
		if i < len(subs)-1 || !n.group {
			more = 1
		}
		b.WriteString(strings.Repeat("    ", level+more))
		if isRemark(n.text) {
			b.WriteByte(' ')
		}
		fmt.Fprintln(b, n.text)
		print(b, n.subs, level+2*more)
	}
}
