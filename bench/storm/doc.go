// Package storm measures what a port that sends nothing but new flows takes from the established flows
// of another port on the same worker.
package storm
