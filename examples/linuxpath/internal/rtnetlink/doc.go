// Package rtnetlink asks the Linux kernel which next hop a flow takes, and
// which next hops a route has (rtnetlink(7)). It knows just the messages for
// that, and nothing on other systems.
package rtnetlink
