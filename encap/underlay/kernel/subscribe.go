package kernel

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// errEnded says that the kernel's messages came to an end without a reason.
var errEnded = errors.New("the kernel's messages have ended")

// subscribe asks for the kernel's messages until done is closed. The news are to be drained, also with an error.
func (f *Follower) subscribe(done chan struct{}) (*news, error) {
	n := &news{failed: make(chan error, 4)}
	failed := func(err error) {
		select {
		case n.failed <- err:
		default:
		}
	}
	addresses, routes, neighbours := make(chan netlink.AddrUpdate), make(chan netlink.RouteUpdate), make(chan netlink.NeighUpdate)
	err := netlink.AddrSubscribeWithOptions(addresses, done, netlink.AddrSubscribeOptions{Namespace: &f.ns, ErrorCallback: failed})
	if err != nil {
		return n, fmt.Errorf("subscribe to addresses: %w", err)
	}
	n.addresses = addresses
	err = netlink.RouteSubscribeWithOptions(routes, done, netlink.RouteSubscribeOptions{Namespace: &f.ns, ErrorCallback: failed})
	if err != nil {
		return n, fmt.Errorf("subscribe to routes: %w", err)
	}
	n.routes = routes
	err = netlink.NeighSubscribeWithOptions(neighbours, done, netlink.NeighSubscribeOptions{Namespace: &f.ns, ErrorCallback: failed})
	if err != nil {
		return n, fmt.Errorf("subscribe to neighbours: %w", err)
	}
	n.neighbours = neighbours
	if n.others, err = subscribeOthers(f.ns, done, failed); err != nil {
		return n, fmt.Errorf("subscribe to rules and devices: %w", err)
	}
	return n, nil
}

// drain ends the subscriptions and takes what is still under way, so that none is stuck with it.
func (n *news) drain(done chan struct{}) {
	close(done)
	if n.addresses != nil {
		for range n.addresses {
		}
	}
	if n.routes != nil {
		for range n.routes {
		}
	}
	if n.neighbours != nil {
		for range n.neighbours {
		}
	}
	if n.others != nil {
		for range n.others {
		}
	}
}
