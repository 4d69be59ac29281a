package virtq_test

import (
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// benchShapes are the rings that network drivers use: packed or split, in order or not.
func benchShapes() []shape {
	var all []shape
	for _, s := range shapes(1024) {
		if s.driver.Table == 0 && !s.driver.EventIndex {
			all = append(all, s)
		}
	}
	return all
}

// BenchmarkRing passes chains of one buffer from driver to device and back, both on one core, in batches. ns/op is
// for one chain and all four steps. BenchmarkDevice and BenchmarkDriver have the two sides' shares.
func BenchmarkRing(b *testing.B) {
	for _, s := range benchShapes() {
		for _, batch := range []int{32, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", s.name, batch), func(b *testing.B) {
				w := newWorld(b, s)
				b.ReportAllocs()
				for done := 0; done < b.N; done += batch {
					w.offer(batch)
					w.serve(batch)
					w.reap(batch)
				}
			})
		}
	}
}

// BenchmarkDevice is the device's share of BenchmarkRing: Take, Give, Publish. The driver's is subtracted by
// stopping the clock, so batches are as many as the ring takes.
func BenchmarkDevice(b *testing.B) {
	for _, s := range benchShapes() {
		for _, batch := range []int{32, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", s.name, batch), func(b *testing.B) {
				w := newWorld(b, s)
				b.ReportAllocs()
				for done := 0; done < b.N; {
					b.StopTimer()
					w.offer(1024)
					b.StartTimer()
					for left := 1024; left > 0; left -= batch {
						w.serve(batch)
						done += batch
					}
					b.StopTimer()
					w.reap(1024)
					b.StartTimer()
				}
			})
		}
	}
}

// BenchmarkDriver is the driver's share of BenchmarkRing: AddOne, Publish, Reap.
func BenchmarkDriver(b *testing.B) {
	for _, s := range benchShapes() {
		for _, batch := range []int{32, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", s.name, batch), func(b *testing.B) {
				w := newWorld(b, s)
				b.ReportAllocs()
				for done := 0; done < b.N; {
					for left := 1024; left > 0; left -= batch {
						w.offer(batch)
						done += batch
					}
					b.StopTimer()
					for range 1024 / 256 {
						w.serve(256)
					}
					b.StartTimer()
					for left := 1024; left > 0; left -= batch {
						w.reap(batch)
					}
				}
			})
		}
	}
}

func (w *world) offer(n int) {
	switch g := w.guest.(type) {
	case *driver.Split:
		for i := range n {
			g.AddOne(uint32(i), driver.Buffer{Addr: w.data + uint64(i&255)*2048, Len: 72}, false)
		}
		g.Publish()
	case *driver.Packed:
		for i := range n {
			g.AddOne(uint32(i), driver.Buffer{Addr: w.data + uint64(i&255)*2048, Len: 72}, false)
		}
		g.Publish()
	}
}

func (w *world) serve(n int) {
	switch d := w.device.(type) {
	case *virtq.Split:
		if got, _ := d.Take(&w.chains, n); got != n {
			w.t.Fatalf("took %d, want %d", got, n)
		}
		d.Give(&w.chains, n)
		d.Publish()
	case *virtq.Packed:
		if got, _ := d.Take(&w.chains, n); got != n {
			w.t.Fatalf("took %d, want %d", got, n)
		}
		d.Give(&w.chains, n)
		d.Publish()
	}
}

func (w *world) reap(n int) {
	if got := w.guest.Reap(w.done[:n]); got != n {
		w.t.Fatalf("%d came back, want %d", got, n)
	}
}

// BenchmarkShapes is BenchmarkRing for chains of other shapes, and with an inflight region, in batches of 64.
func BenchmarkShapes(b *testing.B) {
	for _, packed := range []bool{false, true} {
		for _, c := range []struct {
			name   string
			pieces int
			table  int
			flight bool
		}{
			{"one", 1, 0, false},
			{"header and data", 2, 0, false},
			{"header and data, indirect", 2, 2, false},
			{"one, inflight region", 1, 0, true},
		} {
			name := map[bool]string{false: "split/", true: "packed/"}[packed] + c.name
			b.Run(name, func(b *testing.B) {
				w := newWorld(b, shape{packed: packed, driver: driver.Config{Size: 1024, Table: c.table}})
				if c.flight {
					w.config.Inflight = make([]byte, virtq.InflightBytes(packed, 1024))
					w.device = w.newDevice()
				}
				bufs := []driver.Buffer{{Addr: w.data, Len: 12}, {Addr: w.data + 4096, Len: 60}}[:c.pieces]
				b.ReportAllocs()
				for done := 0; done < b.N; done += 64 {
					for range 64 {
						w.guest.Add(0, bufs, nil)
					}
					w.guest.Publish()
					w.serve(64)
					w.reap(64)
				}
			})
		}
	}
}
