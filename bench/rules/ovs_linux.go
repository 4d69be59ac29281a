package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/culvertdev/culvert/bench/ovs"
)

// openVSwitch is a private instance with one bridge. nil is one that is missing.
type openVSwitch struct {
	*ovs.Instance
	dir string
}

func newOVS(ctx context.Context) (*openVSwitch, error) {
	if err := ovs.Missing(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rules")
	if err != nil {
		return nil, err
	}
	i, err := ovs.Start(ctx, ovs.Options{Dir: filepath.Join(dir, "ovs"), Dummy: true})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	o := &openVSwitch{i, dir}
	if err := i.AddDummyBridge(ctx, "br0", nil, []ovs.DummyPort{{Name: "p1", Number: 1}}); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *openVSwitch) close() error { return errors.Join(o.Stop(), os.RemoveAll(o.dir)) }

// add times how long ovs-ofctl takes to put rules into an empty table.
func (o *openVSwitch) add(ctx context.Context, text string, s *samples, options ...string) error {
	if o == nil {
		return nil
	}
	file := filepath.Join(o.dir, "flows")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if _, err := o.Ofctl(ctx, "OpenFlow14", "del-flows", "br0"); err != nil {
		return err
	}
	return s.time(func() error {
		_, err := o.Ofctl(ctx, "OpenFlow14", append(options, "add-flows", "br0", file)...)
		return err
	})
}
