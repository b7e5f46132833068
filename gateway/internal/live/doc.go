// Package live runs a gateway on the interfaces of the host: a data plane
// with its services, the control server, the watch over links and over the
// configuration, and snapshots of the flow table. It needs Linux.
package live
