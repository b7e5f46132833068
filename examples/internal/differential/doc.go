// Package differential compares the parser of package hash with the parser of
// gopacket: the flows that they find, and their speed. It holds tests and
// benchmarks only.
package differential
