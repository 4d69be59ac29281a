package ovs

import (
	"context"
	"fmt"
	"strings"
)

// A Port is one of a bridge: an interface with AF_XDP if it has a Device, a vhost-user one otherwise.
type Port struct {
	Name   string // of an interface with AF_XDP: the interface's
	Number uint32
	Device bool
	MTU    int    // bytes, of a vhost-user port; 0: 1500
	Socket string // of a guest: the path of its socket, which the switch connects to again and again; "" makes the switch the server, at VhostSocket
}

// VhostSocket is the path of the socket of a port that is the server.
func (i *Instance) VhostSocket(port string) string { return i.path(port) }

// AddBridge makes a bridge of the userspace datapath that drops what no rule matches, with these ports.
func (i *Instance) AddBridge(ctx context.Context, name string, ports []Port) error {
	args := []string{"add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", "fail-mode=secure"}
	for _, p := range ports {
		args = append(args, "--", "add-port", name, p.Name, "--", "set", "Interface", p.Name, fmt.Sprintf("ofport_request=%d", p.Number))
		if p.MTU > 0 {
			args = append(args, fmt.Sprint("mtu_request=", p.MTU))
		}
		switch {
		case p.Device:
			args = append(args, "type=afxdp")
		case p.Socket == "":
			args = append(args, "type=dpdkvhostuser")
		default:
			args = append(args, "type=dpdkvhostuserclient", "options:vhost-server-path="+p.Socket)
		}
	}
	if _, err := i.Vsctl(ctx, args...); err != nil {
		return err
	}
	for _, p := range ports {
		switch out, err := i.Vsctl(ctx, "get", "Interface", p.Name, "error"); {
		case err != nil:
			return err
		case strings.TrimSpace(out) != "[]":
			return fmt.Errorf("port %s: %s", p.Name, strings.TrimSpace(out))
		}
	}
	return nil
}
