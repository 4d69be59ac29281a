package soak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
)

const (
	maxQueues  = 2 // of the links that have more than one
	queueHosts = 2 // the first hosts have those
	jumbo      = 9000
	release    = 2 * time.Second // the kernel's time to let go of a queue
)

// host returns the index of a random host, of the first n.
func (c *churn) host(n int) int { return c.r.IntN(n) }

// touch says that a host's link will not have carried all that was sent.
func (c *churn) touch(i int) { c.epochs.turn(c.net.lab.Hosts[i].Port + linkOf) }

func (c *churn) linkDown(ctx context.Context) (string, error) {
	i := c.host(len(c.mtu))
	c.touch(i)
	defer c.touch(i)
	return c.downUp(ctx, c.net.lab.Switch, c.net.lab.Hosts[i].Port)
}

func (c *churn) hostLinkDown(ctx context.Context) (string, error) {
	i := c.host(len(c.mtu))
	c.touch(i)
	defer c.touch(i)
	detail, err := c.downUp(ctx, c.net.lab.Hosts[i].Namespace, lab.HostLink)
	return detail, errors.Join(err, c.net.address(i))
}

func (c *churn) downUp(ctx context.Context, n *lab.Namespace, link string) (string, error) {
	d := between(c.r, 0, time.Second)
	detail := fmt.Sprintf("%s of %s, for %s", link, n.Name(), d.Round(time.Millisecond))
	if err := n.SetLink(link, false); err != nil {
		return detail, err
	}
	pause(ctx, d)
	return detail, n.SetLink(link, true)
}

func (c *churn) reconnect(context.Context) (string, error) {
	i := c.host(len(c.mtu))
	c.touch(i)
	defer c.touch(i)
	c.mtu[i], c.queues[i] = 1500, maxQueues
	return c.net.lab.Hosts[i].Name(), c.net.reconnect(i)
}

func (c *churn) changeMTU(context.Context) (string, error) {
	i := c.host(len(c.mtu))
	mtu := 1500 + jumbo - c.mtu[i]
	return fmt.Sprintf("%s to %d", c.net.lab.Hosts[i].Name(), mtu), c.setMTU(i, mtu)
}

// setMTU changes both ends of a host's link.
func (c *churn) setMTU(i, mtu int) error {
	c.touch(i)
	defer c.touch(i)
	h := c.net.lab.Hosts[i]
	c.mtu[i] = mtu
	return errors.Join(c.net.lab.Switch.SetMTU(h.Port, mtu), h.SetMTU(lab.HostLink, mtu))
}

// mtu returns the MTU of a station's link; of one that is not there it is small.
func (n *network) mtu(s station) (mtu int) {
	mtu = 1280
	_ = s.Do(func() error { // traffic of a host without a link goes nowhere in any case
		l, err := netlink.LinkByName(lab.HostLink)
		if err == nil {
			mtu = l.Attrs().MTU
		}
		return err
	})
	return mtu
}

// changeQueues gives a link more queues under a running port, or fewer while the port is away: the kernel
// takes no queue from under an AF_XDP socket (linux net/ethtool/channels.c).
func (c *churn) changeQueues(ctx context.Context) (string, error) {
	i := c.host(queueHosts)
	n := 1 + maxQueues - c.queues[i]
	detail := fmt.Sprintf("%s to %d", c.net.lab.Hosts[i].Name(), n)
	if n > c.queues[i] {
		return detail, c.setQueues(i, n)
	}
	name := c.net.lab.Hosts[i].Port
	return detail, c.without(ctx, name, func() error { return c.setQueues(i, n) })
}

// setQueues changes the queues of both ends of a host's link. The host must never send with more queues
// than the switch's end receives with, as long as that has a program (linux drivers/net/veth.c,
// veth_set_channels).
func (c *churn) setQueues(i, n int) error {
	if n == c.queues[i] {
		return nil
	}
	c.touch(i)
	defer c.touch(i)
	h := c.net.lab.Hosts[i]
	near := func() error { return channels(c.net.lab.Switch, h.Port, n) }
	far := func() error { return channels(h.Namespace, lab.HostLink, n) }
	ways := []func() error{far, near}
	if n > c.queues[i] {
		ways = []func() error{near, far}
	}
	c.queues[i] = n
	return errors.Join(ways[0](), ways[1]())
}

func channels(n *lab.Namespace, link string, count int) error {
	return n.Do(func() error {
		e, err := ethtool.NewEthtool()
		if err != nil {
			return err
		}
		defer e.Close()
		// The kernel releases the queue of a closed AF_XDP socket a little later (linux
		// net/xdp/xsk_buff_pool.c, xp_put_pool).
		for end := time.Now().Add(release); ; time.Sleep(10 * time.Millisecond) {
			_, err = e.SetChannels(link, ethtool.Channels{RxCount: uint32(count), TxCount: uint32(count)})
			if err == nil || time.Now().After(end) {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("give link %s of %s %d queues: %w", link, n.Name(), count, err)
		}
		return nil
	})
}
