// Package oracle sends the same packets through Open vSwitch and through Culvert under the same rules and
// compares what comes out of every port, byte by byte: `make test-ovs`.
//
// A [Scene] is ports, groups, rules and packets, made from a seed. Rules are text in ovs-ofctl's syntax, so
// that nothing of Culvert's is between the generator and Open vSwitch: what one of the two refuses, or
// prints in other words, is a difference, too. A scene that shows one is made as small as it can be before
// it is reported.
//
// Open vSwitch runs with its dummy datapath (package ovs), Culvert as the whole switch with memory ports:
// caches, slow path, revalidation and all.
package oracle
