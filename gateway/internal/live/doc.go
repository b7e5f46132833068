// Package live runs a forwarder on the interfaces of the host: a data plane
// with its router, the control server, the watch over links and over the
// configuration, and snapshots of the flow table. It needs Linux.
package live
