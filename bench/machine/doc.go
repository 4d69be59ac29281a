// Package machine says what figures of this machine are to be read with: what it is, how far its CPUs are
// from each other at the moment, what others use of them, and what a process's threads have spent. It
// borrows hugepages and gives them back.
package machine
