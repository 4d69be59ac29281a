package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

func (d *Daemon) packetOut(_ context.Context, o api.PacketOut) (api.Nothing, error) {
	b, err := d.ruleBridge(o.Bridge)
	if err != nil {
		return api.Nothing{}, err
	}
	p, err := readOne("packet", o.Text, b.table.Parser().ParsePacketOut)
	if err != nil {
		return api.Nothing{}, err
	}
	if err := b.table.SendPacket(&p); err != nil {
		return api.Nothing{}, api.Errorf(api.Failed, "%v", err)
	}
	return api.Nothing{}, nil
}

func (d *Daemon) packetResume(_ context.Context, r api.PacketResume) (api.Nothing, error) {
	b, err := d.ruleBridge(r.Bridge)
	if err != nil {
		return api.Nothing{}, err
	}
	token, err := strconv.ParseUint(r.Continuation, 0, 64)
	if err != nil {
		return api.Nothing{}, api.Errorf(api.BadParams, "continuation: want that of a packet-in, found %q", r.Continuation)
	}
	data, err := hex.DecodeString(r.Data)
	if err != nil {
		return api.Nothing{}, api.Errorf(api.BadParams, "data: want pairs of hex digits, found %q", r.Data)
	}
	meta, err := readOne("match", r.Match, b.table.Parser().ParsePipeline)
	if err != nil {
		return api.Nothing{}, err
	}
	switch err := b.table.Resume(token, &meta, data); {
	case errors.Is(err, openflow.ErrStale):
		return api.Nothing{}, api.Errorf(api.NotFound, "%v", err)
	case err != nil:
		return api.Nothing{}, api.Errorf(api.Failed, "%v", err)
	}
	return api.Nothing{}, nil
}
