package ovs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/gopacket/pcapgo"
)

// A DummyPort is a port of a bridge with the dummy datapath.
type DummyPort struct {
	Name   string
	Number uint32
	Port   []string // columns of the Port table, key=value
}

// AddDummyBridge makes a bridge that drops what no rule matches and speaks OpenFlow 1.0 to 1.5, with
// columns of the Bridge table, key=value, and these ports. Names are at most 15 bytes.
func (i *Instance) AddDummyBridge(ctx context.Context, name string, columns []string, ports []DummyPort) error {
	args := []string{"add-br", name, "--", "set", "bridge", name, "datapath-type=dummy", "fail-mode=secure",
		"protocols=OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15"}
	args = append(args, columns...)
	for _, p := range ports {
		if err := i.forget(p.Name); err != nil {
			return err
		}
		args = append(args, "--", "add-port", name, p.Name)
		args = append(args, p.Port...)
		args = append(args, "--", "set", "Interface", p.Name, "type=dummy",
			fmt.Sprintf("ofport_request=%d", p.Number), "options:tx_pcap="+i.path(p.Name+".pcap"))
	}
	_, err := i.Vsctl(ctx, args...)
	return err
}

// forget removes the capture of an earlier port with this name.
func (i *Instance) forget(port string) error {
	delete(i.read, port)
	if err := os.Remove(i.path(port + ".pcap")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// DelBridge removes a bridge.
func (i *Instance) DelBridge(ctx context.Context, name string) error {
	_, err := i.Vsctl(ctx, "del-br", name)
	return err
}

// Receive makes packets come in by a dummy port. It returns when they are queued; those of one port are
// handled in order.
func (i *Instance) Receive(port string, packets ...[]byte) error {
	params := []string{port}
	for _, p := range packets {
		params = append(params, hex.EncodeToString(p))
	}
	_, err := i.Appctl("netdev-dummy/receive", params...)
	return err
}

// Sent returns the packets that a dummy port has sent since the last call.
func (i *Instance) Sent(port string) ([][]byte, error) {
	f, err := os.Open(i.path(port + ".pcap"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // it is made with the port's first packet
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() <= i.read[port] {
		return nil, nil
	}
	r, err := pcapgo.NewReader(io.MultiReader(io.NewSectionReader(f, 0, headerSize), io.NewSectionReader(f, max(headerSize, i.read[port]), info.Size())))
	if err != nil {
		return nil, fmt.Errorf("capture of %s: %w", port, err)
	}
	var list [][]byte
	at := max(headerSize, i.read[port])
	for {
		data, _, err := r.ReadPacketData()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			i.read[port] = at
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("capture of %s: %w", port, err)
		}
		list = append(list, data)
		at += recordSize + int64(len(data))
	}
}

// Sizes in a capture, in bytes (pcap-savefile(5)).
const (
	headerSize = 24
	recordSize = 16
)
