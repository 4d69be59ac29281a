// Package plot draws charts as SVG that stands in a page by itself: no script, no font, nothing from elsewhere.
//
// A chart is 440 units wide and as high as it has to be, so that it can be read on a phone and grows on a larger screen. How it looks is left to
// the page's style sheet, by classes: axis, grid, label, strong, line, mark, bar, dot, whisker, and s0 to s7 for what belongs
// to one series. No meaning is in a colour alone: series have marks of their own shapes, or their names beside them. Every chart has a
// title and a description for those who do not see it.
//
// All texts are escaped here. Figures must be finite.
//
// Thread-safety: any number of goroutines; there is no state.
package plot
