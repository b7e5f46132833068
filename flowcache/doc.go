// Package flowcache keeps flows where they are while the members of their group
// come and go.
//
// A [Table] remembers which member a flow was given: its pin. [Sticky] routes
// packets over a table and the views of the groups of one [selector.Domain]:
//
//   - A flow whose pin names a member of the view stays there, whatever was
//     added, removed or re-weighted, and also while that member is drained.
//   - A flow whose member left is selected anew, alone, and reported as
//     [Moved]. If the member is still in another group of the scope, it is
//     reported as [Rebalanced] instead: see [selector.GroupConfig].Scope.
//   - While a flow's member is marked as down the flow is [Detoured]; it
//     returns when the member is up again in time.
//   - New flows follow the selector, and are pinned. A SYN opens a new flow if
//     its old pin names a member that is drained or down, or a backup that
//     primaries have relieved. The flows of a backup stay there otherwise.
//
// What most callers need is [Config], [NewTable], [NewSticky], [NewPacket],
// [Sticky.RouteBatch] and [Table.Sweep]. The rest is for those who look for it:
// [Table.Rebalance] and [Table.Release] move flows on purpose, [Sticky.Assign]
// pins them to members of the caller's choice, [Table.Save] and [Table.Restore]
// carry them over a restart, [Table.Deviating] and [Sticky.Import] over to
// other gateways.
//
// # What a load balancer does with a verdict
//
// Next hops that keep no state of flows, such as uplinks, take any packet. A
// server answers a TCP packet of a connection that it does not know by a RST.
// So a balancer of servers looks at the verdict of each TCP packet without SYN:
//
//   - [Moved]: the connection is lost. Answer by a reset, so that the client
//     opens a new one at once.
//   - [Detoured]: the connection goes on when its member is up again. Drop the
//     packet, which its sender will repeat: the RST of another server would end
//     the connection. Send it on only to members that share their state.
//   - [Rebalanced]: in a scope for the affinity of clients, the connection is
//     lost as one that Moved: answer by a reset. In one for prefixes that go
//     from group to group, and after [Table.Rebalance], send it on.
//
// These are reported once a pin. If a key is coarser than a connection, the
// other connections of the pin end by a RST of the new member.
//
// # States and timeouts
//
// The first packet of a flow puts its pin on probation. It is promoted by a
// later TCP packet with ACK and without SYN or RST, or, for what is not TCP, by
// a second packet that comes at least Config.PromoteAfter later. A TCP packet
// with ACK and without SYN that meets no pin is of a connection that is older:
// its pin is adopted if there is room, which lasts as long as an established
// one but may be pushed out until the second packet. A FIN or RST puts a pin in
// closing, where it stays usable, since a half-closed connection goes on; a SYN
// then starts a new flow. A SYN refreshes no pin.
//
// Each state has a timeout, counted from the last packet, on probation from the
// first. Config.Classes give flows of some kinds timeouts of their own. A flood
// of one-packet flows can therefore only push out pins on probation and adopted
// ones; it never takes the place of an established flow. One that forges ACKs
// too is promoted with its second packet: the table does not defend against
// that.
//
// The defaults are for servers behind a load balancer. Connections that may be
// silent for as long as RFC 5382 lets them want an EstablishedTCP of 2 h 4 min.
// [Flowlets] is for uplinks, which keep no state.
//
// # What a pin costs, and what can go wrong
//
// A pin is one 64-bit word, and a bucket of eight is a cache line; a flow may
// live in two buckets. Nearly all packets are of established flows: for them,
// routing is to look at one cache line, two in one of sixteen cases, and to
// write nothing. [Sticky.RouteBatch] lets the cache misses of a burst overlap,
// which is worth more than anything else, so route in bursts of 32 or so.
// Refreshing a pin is a write, so it is done only after an eighth of the
// timeout: see [Config]. On Linux a table asks for huge pages, which makes the
// misses of large ones cheaper.
//
// A flow is told by 34 bits of its digest and its buckets: with sixteen words
// looked at, a new flow meets another's pin with a probability of about one in
// a billion. It then shares its member; if that pin is of another scope, the
// two take turns in pushing it aside as that of a member that left. The digest
// must come from a hash with a secret seed where senders are hostile.
//
// A new flow takes the first of these that its buckets offer: a free word; that
// of a pin which expired; one that a pin leaves which has room in its other
// bucket; that of a pin on probation or adopted, the oldest, of several equally
// old ones any; and that of a pin whose member left. So a table holds the flows
// that it is made for, and in a flood the new flows of others compete with
// those of the attacker for the words that established flows leave. When all
// sixteen words hold flows that may not be pushed out, the new flow is
// [Refused]: it goes where the selector says, which is right as long as the
// group does not change. Nothing is silent: see [Stats].
//
// # Slots
//
// A pin names its member by a slot of the domain, one for each ID and
// incarnation, whatever the groups: see [selector.SlotStats]. A member that
// leaves all groups keeps its slot in quarantine. If it comes back meanwhile,
// the flows that had no packet go on; the others were Moved, and stay where
// they are. The quarantine lasts as long as the longest timeout and an eighth,
// and the slot is free after at most two more passes of [Table.Sweep], of every
// table of the domain: with the defaults, of 350 s and passes of a minute,
// after eight to nine minutes. A domain has 65,535 slots. One whose members are
// always new ones, such as pods with incarnations, can take a new one each time
// that a slot is free again: with the defaults, and F slots not in use, F/520 a
// second. A member without a slot is routed to but not pinned, and counted in
// SlotStats.Refused.
//
// # Time
//
// The package reads no clock: now is an argument, the time since any moment by
// a clock of the caller's that does not run backwards, and Config.Tick is its
// resolution. Workers' clocks may be some 200 ticks apart. A pin holds its time
// modulo 1024 units, so the table must be swept: call [Table.Sweep] about once
// a tick. A pin that is not swept in time may seem fresh again, which makes its
// flow stickier than asked for.
package flowcache
