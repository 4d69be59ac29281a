// Package method is how a switch is measured: what is tried, in which order, and what follows from it. It sends nothing
// itself: whoever uses it hands it a [Trial].
//
//   - [Search] finds the highest rates with no loss and with little (RFC 2544 section 26.1, RFC 9411, and the idea of
//     MLRsearch, draft-ietf-bmwg-mlrsearch: several goals together, short trials first).
//   - [Curve] is loss against load, [Loads] latency at shares of a rate, [Blocked] for how long a switch stood still.
//   - [Largest] finds how many of something pass: the longest burst without loss (RFC 9004), addresses that are learned.
//   - [Turns] says whose turn it is when switches are compared, [Spread] what several windows come to.
//
// Thread-safety: no state.
package method
