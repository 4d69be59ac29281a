// Package version sees to it that a packet which is looked up more than once is handled by one version of the rules.
//
// Each time the switch notices that a table has another edition of its rules (rules.Edited) it takes the next number.
// A number so names an edition of every table: the one it had when the number was the last ([Book.Edition]). A walk of
// the revalidator brings all flows in agreement with the number that was the last when it began; when it is over, that
// number is settled.
//
// A cached flow that packets are taken up again by, or are looked up in again, has the number from which on its verdict
// is known to stand (flowcache.Flow.Version). So it stands in every number that is, or becomes, settled while the flow
// is as it is, beginning with the first that is not before its own.
//
// A packet between two look-ups has a [Journey]: a number in which all verdicts stand that it has met, and the flows
// they came of. The next flow must stand in that number, too. Nearly always this is the comparison of two numbers. If it
// says no, the slow path finds out what the change log and the tables say (package upcall): the next verdict may have
// stood then, and those before may stand now. Otherwise the packet is dropped (action.RulesChanged).
package version

// A Number names a version of all rules; 0 is none. Numbers come one after the other, and begin anew after 2^32: there
// are never two in use that are half of that apart ([Old]).
type Number uint32

// UpTo reports whether n is m or comes before it.
func (n Number) UpTo(m Number) bool { return int32(m-n) >= 0 }

// Old reports whether a flow's number is so far behind that it should get a later one.
func Old(n, settled Number) bool { return n != 0 && int32(settled-n) > 1<<30 }
