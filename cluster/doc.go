// Package cluster lets gateways agree: on the members of a group, on how
// packets are hashed, and on where flows are that the members alone don't tell.
//
// [Connect] makes this process a gateway of a cluster, over NATS. [Join] takes
// part in a group: its members, their weights and its strategy are one ordered
// log in a JetStream key-value bucket, and every gateway applies it change by
// change to a [selector.Group] of its own. The revision of a change is the
// version of the group. A heartbeat carries the version and the fingerprint of
// each group, and [Conn.Divergence] tells which gateways differ, and in what.
package cluster
