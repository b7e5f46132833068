// Package cluster lets gateways agree: on the members of a group, on how
// packets are hashed, and on where flows are that the members alone don't tell.
// It runs over NATS, with JetStream.
//
// [Connect] makes this process a gateway of a cluster. [Join] takes part in a
// group: its members, their weights, its strategy and its scope are one ordered
// log, and every gateway applies it change by change to a selector.Group of its
// own, which its workers load as any other. The revision of a change is the
// version of the group. [Membership.Update] changes the group at all gateways,
// and [Membership.UpdatePlanned] does so in two phases, after all are prepared.
// [NewPins] shares the flows that the selector would send elsewhere.
//
// # Agreement
//
// Gateways that have the same revision place flows alike, whatever the order in
// which members were given, for strategies that depend on history too: a
// gateway that comes later begins at a whole state that is in the log, and
// takes the steps after it where they matter. The log of a strategy that
// depends on history is kept whole since the strategy was set, some 100 bytes a
// change; set it anew to begin a short one. Others keep the last 256 to 512
// changes.
//
// Heartbeats say which version, fingerprint and strategy each gateway runs.
// [Conn.Divergence] tells who differs from this one, in which field, and in
// which members. [Conn.Peers] lists the gateways. A gateway whose seed, policy,
// number of buckets, form of words or classes differ is refused by name: its
// pins are not taken, and nobody waits for it. The group's strategy is that of
// the log; a gateway that was built with another one works by the log, and is
// reported. One with another scope can't join.
//
// The seed of digests never leaves the process. A heartbeat is sealed by an
// HMAC-SHA256 (RFC 2104) under a key that is made of the seed, with a number
// that grows; and each instance of a gateway answers a challenge of every other
// one, so that who recorded heartbeats can't repeat them.
//
// # Without NATS
//
// A gateway that loses its servers forwards on with what it has; [Conn.Cut]
// says since when. It reconnects after random waits, and applies what it missed
// in order. A change that was asked for meanwhile waits for its context. It is
// in the log once or not at all, whichever server stops; only if the context
// ends in the moment of doubt is the outcome [ErrUnknown].
//
// Marks are each gateway's own, by [Membership.SetDown], or everybody's, by
// Member.Down, which is a change as any other.
//
// # Permissions
//
// TLS and credentials are those of nats.Options. For a gateway G of cluster C
// the servers must allow, to subscribe:
//
//	ecmp.C.heartbeat.*  ecmp.C.prove.G     ecmp.C.members.G  _INBOX.G.>
//	ecmp.C.pins.*.*     ecmp.C.pins.*.*.G  ecmp.C.ask.G.*
//
// and to publish:
//
//	ecmp.C.heartbeat.G  ecmp.C.prove.*     ecmp.C.members.*  _INBOX.>
//	ecmp.C.pins.*.G     ecmp.C.pins.*.G.*  ecmp.C.ask.*.G
//	$JS.API.INFO         $JS.API.STREAM.INFO.KV_ecmp_C
//	$JS.API.STREAM.MSG.GET.KV_ecmp_C     $JS.API.DIRECT.GET.KV_ecmp_C.>
//	$JS.API.CONSUMER.CREATE.KV_ecmp_C.>  $JS.API.CONSUMER.DELETE.KV_ecmp_C.>
//	$JS.FC.>
//
// The sender's name in the subject keeps one gateway from speaking for another.
// A gateway that may not publish to pins and ask takes what others share, and
// they hear nothing of its flows: see [SubjectsOfPins]. Who may change groups
// publishes also to
//
//	$KV.ecmp_C.>  $JS.API.STREAM.CREATE.KV_ecmp_C  $JS.API.STREAM.PURGE.KV_ecmp_C
//
// Without the first of these a gateway reads, and what it changes is a
// [PermissionError]. The second one makes the bucket, the third shortens logs.
package cluster
