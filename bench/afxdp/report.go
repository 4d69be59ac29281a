package main

import (
	"fmt"
	"io"
)

// print writes a line about one window as soon as it has been measured.
func (s *sample) print(w io.Writer) {
	fmt.Fprintf(w, "round %d  %-8s %s  TCP %5.2f Gbit/s, %.0f ns user + %.0f ns kernel a kilobyte  iperf3 %5.2f", s.Round, s.Contender, s.Version, s.TCP/1e9, s.TCPUser, s.TCPKernel, s.Iperf/1e9)
	if s.Offered > 0 {
		fmt.Fprintf(w, "  64 B: offered %.3f Mpps, received %.3f, %4.0f ns user + %4.0f ns kernel", s.Offered/1e6, s.Received/1e6, s.User, s.Kernel)
	}
	fmt.Fprintf(w, "  ping %3.0f µs  (cache line %d, %d ns; others use %.0f and %.0f %%, waited %.0f %%)\n",
		s.RTT/1e3, s.RoundTrip[0], s.RoundTrip[1], 100*s.Others[0], 100*s.Others[1], 100*s.Waited)
}
