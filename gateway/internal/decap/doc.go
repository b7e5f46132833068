// Package decap is the member's end of a tunnel of IP in IP, for hosts whose
// kernel has no device for that: an XDP program that takes the outer header off.
// The lab and tests use it. It needs Linux and a little-endian machine.
//
// It neither looks at who a packet is from nor takes over the congestion marks
// of the outer header, which a router on the way may set.
package decap
