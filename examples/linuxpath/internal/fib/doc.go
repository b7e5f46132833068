// Package fib asks the forwarding information base of the Linux kernel which
// next hop a flow takes, and which next hops a route has. It uses rtnetlink(7)
// and needs no privilege. On other systems it is empty.
package fib
