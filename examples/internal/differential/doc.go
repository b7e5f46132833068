// Package differential compares the parser of package hash with that of
// gopacket, in what both find and in how long it takes. It has tests and
// benchmarks alone.
package differential
