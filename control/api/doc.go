// Package api is the language between the daemon and whoever controls it: JSON-RPC over a unix socket,
// with a typed structure for the parameters and the result of every method, shared by [Server] and
// [Client].
//
// It knows what is said, not what it does: package daemon gives each [Method] its meaning. It is not
// for the network. Whoever may write to the socket controls the switch; the permission bits of the
// socket's file are the whole access control.
//
// Framing is that of JSON-RPC 1.0 as OVSDB (RFC 7047, section 4) and ovs-appctl use it: JSON objects
// one after the other, without a separator.
//
//	{"method": "port.list", "params": [{"bridge": "br0"}], "id": 1}
//	{"id": 1, "result": [...], "error": null}
//	{"id": 1, "result": null, "error": {"error": "not-found", "details": "port p9: no such port"}}
//
// params is a list of at most one object, whose unknown members are errors. Requests of one connection
// are answered one at a time, in order; connections are independent of each other.
//
// Times are in nanoseconds where the name ends in _ns, in seconds where it ends in _seconds. Counters
// never go back while the daemon runs.
//
// docs/api.md describes the methods for people; a test holds that page to this package.
package api
