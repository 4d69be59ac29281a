package traffic

import (
	"context"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/encap/wire"
)

// Announce waits until a link of a namespace is up and then says who is there to all on it, once: an ARP announcement
// (RFC 5227, section 3).
func Announce(ctx context.Context, from *lab.Namespace, link string, e Endpoint) error {
	for {
		up, err := from.IsUp(link)
		if err != nil {
			return err
		}
		if up {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("announce %s: %s is not up: %w", e.Addr, link, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	b, err := NewBlaster(from, link)
	if err != nil {
		return err
	}
	defer b.Close()
	mac := [6]byte(e.MAC)
	return b.Once([][]byte{wire.NewARP(wire.Broadcast, wire.ARPRequest, mac, e.Addr, [6]byte{}, e.Addr)})
}
