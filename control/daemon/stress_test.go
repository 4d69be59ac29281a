package daemon_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/api"
)

// TestManyClientsChangeEverythingWhileTrafficRuns ends, as every test here, with every frame back.
func TestManyClientsChangeEverythingWhileTrafficRuns(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	const clients, length = 6, 1500 * time.Millisecond
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range clients {
		wg.Go(func() {
			c, err := api.Dial(t.Context(), filepath.Join(l.dir, "s"))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := l.something(c, r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sent := 0
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		sent += p1.SendBytes(packet(byte(sent), byte(sent/7)))
		p2.RecvBytes()
	}
	close(stop)
	wg.Wait()
	l.settled(uint64(sent))
	call(l, api.ConfigApply, l.apply(twoPorts))
	call(l, api.FDBFlush, api.FDBFilter{})
	p2.RecvBytes()
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
}

// something makes one request at random. That what it names came or went in the meantime is no error.
func (l *lab) something(c *api.Client, r *rand.Rand) error {
	port := fmt.Sprintf("x%d", r.IntN(4))
	rule := api.FlowText{Lines: []string{fmt.Sprintf("priority=%d,dl_src=02:00:00:00:00:%02x,actions=%s", r.IntN(3), r.IntN(256), []string{"drop", "NORMAL", "flood"}[r.IntN(3)])}}
	var err error
	switch ctx := l.t.Context(); r.IntN(9) {
	case 0:
		_, err = api.Call(ctx, c, api.PortAdd, api.NewPort{Name: port, Type: "memory"})
	case 1:
		_, err = api.Call(ctx, c, api.PortDel, api.PortName{Name: port})
	case 2:
		_, err = api.Call(ctx, c, api.FlowAdd, rule)
	case 3:
		_, err = api.Call(ctx, c, api.FlowDel, api.FlowText{Lines: []string{"dl_src=02:00:00:00:00:00/ff:ff:ff:ff:ff:f0"}})
	case 4:
		_, err = api.Call(ctx, c, api.ConfigApply, l.apply(twoPorts))
	case 5:
		_, err = api.Call(ctx, c, api.GetStats, api.Nothing{})
	case 6:
		_, err = api.Call(ctx, c, api.Show, api.Nothing{})
	case 7:
		_, err = api.Call(ctx, c, api.CacheDump, api.CacheFilter{})
	case 8:
		_, err = api.Call(ctx, c, api.FDBFlush, api.FDBFilter{})
	}
	var e *api.Error
	if errors.As(err, &e) && (e.Code == api.NotFound || e.Code == api.Exists) {
		return nil
	}
	return err
}
