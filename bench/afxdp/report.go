package main

import (
	"fmt"
	"io"
)

// print writes a line about one window as soon as it has been measured.
func (s *sample) print(w io.Writer) {
	fmt.Fprintf(w, "round %d  %-8s %s  TCP %5.2f Gbit/s  iperf3 %5.2f  64 B: offered %.3f Mpps, received %.3f, %4.0f ns user + %4.0f ns kernel  ping %3.0f µs  (cache line %d, %d ns; others use %.0f and %.0f %%, waited %.0f %%)\n",
		s.Round, s.Contender, s.Version, s.TCP/1e9, s.Iperf/1e9, s.Offered/1e6, s.Received/1e6, s.User, s.Kernel, s.RTT/1e3, s.RoundTrip[0], s.RoundTrip[1], 100*s.Others[0], 100*s.Others[1], 100*s.Waited)
}
