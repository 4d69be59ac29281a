// Package stat is the statistics of the bench: of few figures, whose distribution nobody knows. All of it is exact and
// makes no assumption on that distribution but that the figures of one list are drawn alike and independently.
// Functions leave what they are given as it is, and return NaN of nothing. Figures must not be NaN.
//
// Thread-safety: any number of goroutines; there is no state.
package stat
