// Package rows measures what a switch does beyond forwarding at a rate: how long the first packet of a flow takes and how
// many flows it sets up, how many addresses it learns and how fast, what it takes in a burst, how soon it recovers from an
// overload, for how long it stands still when it is restarted or its rules change, and how it does over hours.
//
// Each is a method of a [Bench], which is a generator between the ports of a switch: one file each, one idea each. What the
// switch itself is to do meanwhile (forget what it knows, restart) is a function of the caller's. How a figure is
// searched for is package method's. Every answer says when the generator was the limit, and the class of the machine.
//
// It is a package of its own since package method sends nothing, and package gen knows nothing of switches.
//
// Thread-safety: a Bench belongs to one goroutine.
package rows
