package fdb

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// An Entry is one address for people to read.
type Entry struct {
	Key    Key
	Port   uint32
	Age    time.Duration // since it was used last; 0 for a static entry
	Since  int64         // ns: when it came to the port, so that one that has left and is back is another; 0 for a static entry
	Static bool
}

// Entries returns what the table holds at now, ordered by port, VLAN and address.
func (t *Table) Entries(now int64) []Entry {
	t.mu.Lock()
	list := make([]Entry, 0, len(t.index))
	for _, i := range t.index {
		e := &t.entries[i]
		out := Entry{Key: e.key, Port: e.port, Since: e.since, Static: e.static}
		if !e.static {
			out.Age = time.Duration(max(0, now-e.used))
		}
		list = append(list, out)
	}
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Key, b.Key))
	})
	return list
}

// WriteText writes entries as `ovs-appctl fdb/show` does: port, VLAN, address, age in seconds.
// portName, when not nil, says how a port is called there.
func WriteText(w io.Writer, entries []Entry, portName func(uint32) string) error {
	if _, err := fmt.Fprintln(w, " port  VLAN  MAC                Age"); err != nil {
		return err
	}
	for _, e := range entries {
		port := strconv.FormatUint(uint64(e.Port), 10)
		if portName != nil {
			port = portName(e.Port)
		}
		age := fmt.Sprintf("%3d", int64(e.Age/time.Second))
		if e.Static {
			age = "static"
		}
		m := e.Key.MAC()
		if _, err := fmt.Fprintf(w, "%5s  %4d  %02x:%02x:%02x:%02x:%02x:%02x  %s\n",
			port, e.Key.VLAN(), m[0], m[1], m[2], m[3], m[4], m[5], age); err != nil {
			return err
		}
	}
	return nil
}
