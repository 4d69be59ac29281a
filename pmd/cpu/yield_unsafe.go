package cpu

import _ "unsafe" // for go:linkname

// goyield has the Go scheduler look at the processor that the calling goroutine has, and go on with this goroutine if
// nothing else waits there: unlike [runtime.Gosched] it neither puts the goroutine where all threads look for work nor
// wakes one of them. The runtime keeps it for programs that link to it (go.dev/issue/67401, runtime/proc.go); a Go that
// no longer does fails to link this one.
//
//go:linkname goyield runtime.goyield
func goyield()
