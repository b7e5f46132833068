// Package bgp tells routers of the addresses of services, by GoBGP in this
// process, and learns routes from them.
package bgp
