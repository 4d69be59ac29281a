package vhost

import (
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
)

// region is a frontend's region as package mem has it.
func region(r proto.Region) mem.Region {
	return mem.Region{Guest: r.Guest, User: r.User, Size: r.Size, Offset: r.Offset}
}

// lookLimit is how long a file may take to say what it is.
const lookLimit = time.Second

// mapped returns the mapping of a region of a file, which it closes.
func (d *device) mapped(fd int, r mem.Region) (*mem.Mapping, error) {
	if err := d.vouch(&fd); err != nil {
		return nil, fmt.Errorf("%v: %w", r, err)
	}
	defer closeFD(&fd)
	return d.port.o.space.Map(fd, r)
}

// vouch sees to it that what is done with a descriptor asks nobody but the kernel; with an error it is closed.
func (d *device) vouch(fd *int) error {
	if mem.InMemory(*fd) {
		return nil
	}
	err := d.port.bin.Look(*fd, lookLimit, mem.CheckKind)
	if err != nil && !errors.Is(err, proto.ErrStuck) {
		d.port.bin.Close(*fd)
	}
	if err != nil {
		*fd = -1
	}
	return err
}

// setTable replaces the guest's memory by what the message describes (VHOST_USER_SET_MEM_TABLE).
func (d *device) setTable(m *proto.Message, regions proto.MemTable) error {
	all := make([]mem.Region, len(regions))
	for i, r := range regions {
		all[i] = region(r)
	}
	if err := d.allowed(0, all...); err != nil {
		return err
	}
	var maps []*mem.Mapping
	for i, r := range all {
		one, err := d.mapped(m.Take(i), r)
		if err != nil {
			for _, one := range maps {
				err = errors.Join(err, one.Close())
			}
			return err
		}
		maps = append(maps, one)
	}
	t, err := mem.NewTable(maps...)
	if err != nil {
		return err
	}
	return d.swapTable(t)
}

// allowed holds a guest's memory, had bytes and what regions add, to what the port lets it have. It comes before anything
// is mapped.
func (d *device) allowed(had uint64, regions ...mem.Region) error {
	n, ok := mem.Total(regions...)
	if most := d.port.o.Memory; !ok || had+n > most {
		return fmt.Errorf("more memory than the %#x bytes that a guest may have here", most)
	}
	return nil
}

// changeTable adds a region to the guest's memory, or takes one away (VHOST_USER_ADD_MEM_REG, REM_MEM_REG). QEMU before 8.1
// does so once for each queue pair: with several of them, what has been done already is nothing to complain about.
func (d *device) changeTable(m *proto.Message, r proto.Region) error {
	old := d.table
	if old == nil {
		var err error
		if old, err = mem.NewTable(); err != nil {
			return err
		}
		d.table = old
	}
	adds := m.Request == proto.AddMemReg
	if d.port.o.Queues > 1 && old.Has(region(r)) == adds {
		return nil
	}
	if !adds {
		t, err := old.Without(region(r))
		if err != nil {
			return err
		}
		return d.swapTable(t)
	}
	if err := d.allowed(old.Size(), region(r)); err != nil {
		return err
	}
	one, err := d.mapped(m.Take(0), region(r))
	if err != nil {
		return err
	}
	t, err := old.With(one)
	if err != nil {
		return err
	}
	return d.swapTable(t)
}

// swapTable makes t the guest's memory. What is no longer in it is unmapped, behind closed gates.
func (d *device) swapTable(t *mem.Table) error {
	err := errors.Join(d.holdAll(), d.dropTable())
	d.table = t
	return err
}

func (d *device) dropTable() error {
	d.forgetTranslations()
	t := d.table
	d.table = nil
	if t == nil {
		return nil
	}
	return t.Close()
}

// setLog takes the bitmap of dirty pages (VHOST_USER_SET_LOG_BASE). It is used once the guest's features have
// LOG_ALL.
func (d *device) setLog(m *proto.Message, v proto.Log) error {
	fd := m.Take(0)
	if err := d.vouch(&fd); err != nil {
		return err
	}
	l, err := d.port.o.space.MapLog(fd, v.Size, v.Offset)
	closeFD(&fd)
	if err != nil {
		return err
	}
	err = errors.Join(d.holdAll(), d.dropLog())
	d.dirty = l
	if err != nil {
		return err
	}
	return d.conn.Reply(m, nil)
}

func (d *device) dropLog() error {
	l := d.dirty
	d.dirty = nil
	if l == nil {
		return nil
	}
	return l.Close()
}
