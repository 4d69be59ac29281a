package profile

import (
	"net/netip"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/direct"
	"github.com/culvertdev/culvert/encap/vtep/learn"
	"github.com/culvertdev/culvert/encap/vtep/socket"
	"github.com/culvertdev/culvert/encap/vtep/svp"
	"github.com/culvertdev/culvert/encap/vtep/table"
	"github.com/culvertdev/culvert/pmd/option"
)

// lookups are the look-up plug-ins there are.
var lookups = map[string]lookup{
	"direct": readDirect,
	"file":   readFile,
	"learn":  readLearn,
	"socket": readSocket,
	"svp":    readSVP,
}

// invalidations are the invalidation plug-ins there are.
var invalidations = map[string]invalidation{
	"svp": readLog,
}

// readDirect reads the options of the point-to-point look-up: the one other end.
func readDirect(o *option.Set, _ []netip.Addr) func() (vtep.Resolver, error) {
	end := vtep.End{Addr: addr(o, "end"), Port: port(o)}
	return func() (vtep.Resolver, error) { return direct.New(end) }
}

// readFile reads the options of the static table: where it is.
func readFile(o *option.Set, _ []netip.Addr) func() (vtep.Resolver, error) {
	path := needed(o, "path", "the path of a file")
	return func() (vtep.Resolver, error) { return table.New(path) }
}

// readLearn reads the options of flood and learn: where to flood, and how long to remember.
func readLearn(o *option.Set, _ []netip.Addr) func() (vtep.Resolver, error) {
	var l learn.Options
	to := port(o)
	for _, v := range o.List("flood") {
		a, err := netip.ParseAddr(v)
		if err != nil {
			o.Fail("flood", "addresses of ends, or of one multicast group, separated by commas")
			break
		}
		l.Flood = append(l.Flood, vtep.End{Addr: a.Unmap(), Port: to})
	}
	if !o.Has("flood") {
		o.Fail("flood", "addresses of ends, or of one multicast group, separated by commas")
	}
	l.Age = o.Duration("age", 5*time.Minute, 24*time.Hour)
	l.Max = o.Int("max", 65536, 1, 1<<20)
	return func() (vtep.Resolver, error) { return learn.New(l) }
}

// readSocket reads the options of the plug-in in another process: where it listens.
func readSocket(o *option.Set, self []netip.Addr) func() (vtep.Resolver, error) {
	path := needed(o, "path", "the path of a unix socket")
	return func() (vtep.Resolver, error) { return socket.New(socket.Options{Path: path, Self: self}) }
}

// readSVP reads the options of the look-up by SVP: the server.
func readSVP(o *option.Set, _ []netip.Addr) func() (vtep.Resolver, error) {
	server := needed(o, "server", "a server as host or host:port")
	return func() (vtep.Resolver, error) { return svp.NewClient(server) }
}

// readLog reads the options of the invalidation by SVP: the server whose log is followed, and where SHOOTDOWN
// of other hosts comes in.
func readLog(o *option.Set, self []netip.Addr) func() (vtep.Invalidator, error) {
	s := svp.Options{Server: needed(o, "server", "a server as host or host:port")}
	if o.Has("self") {
		s.Self = addr(o, "self")
	} else if len(self) > 0 {
		s.Self = self[0]
	}
	if v := o.String("shootdown", ""); v != "" {
		at, err := netip.ParseAddrPort(v)
		if err != nil || at.Port() == 0 {
			o.Fail("shootdown", "an address and a port such as 192.0.2.9:1296")
		}
		s.Shootdown = at
	}
	return func() (vtep.Invalidator, error) { return svp.NewInvalidator(s) }
}

// needed returns an option that must be given.
func needed(o *option.Set, name, want string) string {
	v := o.String(name, "")
	if v == "" {
		o.Fail(name, want)
	}
	return v
}

// addr returns an address to send to, which must be given.
func addr(o *option.Set, name string) netip.Addr {
	a, err := netip.ParseAddr(o.String(name, ""))
	if err != nil {
		o.Fail(name, "an IP address such as 192.0.2.1")
	}
	return a.Unmap()
}

// port returns the UDP port that ends listen on; 0: as the encapsulation has it.
func port(o *option.Set) uint16 { return uint16(o.Int("port", 0, 0, 65535)) }
