// Package host is about the machine below a gateway: what its kernel does with
// packets for virtual addresses, which the data plane forwards as well, and what
// it takes that this does no harm. It needs Linux.
package host
