package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/rpc"
	"net/rpc/jsonrpc"
	"time"

	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// A Host does what it is told: a guest, or a network namespace.
//
// Thread-safety: all methods are safe for concurrent use.
type Host struct{ client *rpc.Client }

// over returns the host at the other end of a connection.
func over(conn io.ReadWriteCloser) *Host {
	return &Host{rpc.NewClientWithCodec(jsonrpc.NewClientCodec(conn))}
}

// In makes a namespace a host. Close ends that.
func In(n *lab.Namespace) *Host {
	here, there := net.Pipe()
	go inside.New(n.Do).Serve(there)
	return over(here)
}

// Close ends the connection; what the host does goes on to its end.
func (h *Host) Close() error {
	if err := h.client.Close(); err != rpc.ErrShutdown {
		return err
	}
	return nil
}

// call calls a method of inside.Machine.
func (h *Host) call(ctx context.Context, method string, args, reply any) error {
	call := h.client.Go(inside.Name+"."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case <-call.Done:
	}
	if call.Error != nil {
		return fmt.Errorf("%s: %w", method, call.Error)
	}
	return nil
}

// SetLink configures a link and brings it up.
func (h *Host) SetLink(ctx context.Context, l inside.Link) (s inside.LinkState, err error) {
	err = h.call(ctx, "SetLink", l, &s)
	return s, err
}

// AddTunnel makes a tunnel's device, down and without addresses.
func (h *Host) AddTunnel(ctx context.Context, t inside.Tunnel) error {
	return h.call(ctx, "AddTunnel", t, new(struct{}))
}

// AddVLAN makes a VLAN's device, down and without addresses.
func (h *Host) AddVLAN(ctx context.Context, v inside.VLAN) error {
	return h.call(ctx, "AddVLAN", v, new(struct{}))
}

// Ping pings. Loss is no error.
func (h *Host) Ping(ctx context.Context, to netip.Addr, p traffic.Ping) (e traffic.Echoes, err error) {
	err = h.call(ctx, "Ping", inside.Echo{To: to, Ping: p}, &e)
	return e, err
}

// Write replaces a file's content, such as that of /proc/sys/net/ipv4/fwmark_reflect.
func (h *Host) Write(ctx context.Context, path, text string) error {
	return h.call(ctx, "Write", inside.File{Path: path, Text: text}, new(struct{}))
}

// Read returns a file's content.
func (h *Host) Read(ctx context.Context, path string) (text string, err error) {
	err = h.call(ctx, "Read", path, &text)
	return text, err
}

// Capture begins to keep the packets that come to a link, up to a quarter of a megabyte or so: the second serial line is slow. Captured ends that.
func (h *Host) Capture(ctx context.Context, link string) error {
	return h.call(ctx, "Capture", link, new(struct{}))
}

// Captured ends the capture of a link and returns its packets, with their VLAN tags, in the order in which they came.
func (h *Host) Captured(ctx context.Context, link string) (packets [][]byte, err error) {
	err = h.call(ctx, "Captured", link, &packets)
	return packets, err
}

// Bulk sends over one TCP connection as fast as it goes, from one host to an address of another, for the given
// time. It is an error when anything that was sent did not arrive as it was.
func Bulk(ctx context.Context, from, to *Host, at netip.Addr, d time.Duration) (t traffic.Transfer, err error) {
	var port uint16
	if err := to.call(ctx, "Listen", at, &port); err != nil {
		return t, err
	}
	received := make(chan error, 1)
	go func() { received <- to.call(ctx, "Receive", port, &t) }()
	var sent inside.Sent
	sendErr := from.call(ctx, "Send", inside.Stream{To: netip.AddrPortFrom(at, port), Time: d}, &sent)
	if err := errors.Join(<-received, sendErr); err != nil {
		return traffic.Transfer{}, fmt.Errorf("TCP to %s: %w", at, err)
	}
	if t.Bytes != sent.Bytes {
		return t, fmt.Errorf("TCP to %s: %w: want %d bytes, got %d", at, traffic.ErrDamaged, sent.Bytes, t.Bytes)
	}
	t.Retransmits = sent.Again
	return t, nil
}
