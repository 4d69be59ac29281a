// Package vtep finds the far ends of an overlay: behind which end of which tunnel a guest is, and who has
// which address.
//
// Encapsulation is dumb, look-up is smart and separate, as illumos' varpd has it. A profile joins three
// plug-ins that know nothing of each other: an encapsulation (package encap), a look-up ([Resolver]) and an
// invalidation ([Invalidator]). Between them and the slow path stands a [Directory]: it answers at once from
// what it knows, asks the look-up about what it does not, and says afterwards what has changed, so that a
// change disturbs the flows that used an answer and no other.
//
// A plug-in may be slow, silent, wrong or gone. What is cached goes on then: an answer is given up for a
// better one or for an invalidation, never because nobody is there to repeat it.
//
// Below this package are the plug-ins that ship: direct, table, learn, svp, and socket for those in processes
// of their own, which package plugin helps to write. Package profile opens them by name.
package vtep
