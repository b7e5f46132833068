// Package flowcache keeps flows where they are while the members of their group come and go.
//
// A [Table] remembers which member a flow was given: its pin. [Sticky] routes packets over a table and the views of the
// groups of one [selector.Domain]:
//
//   - A flow whose pin names a member of the view stays there, whatever was added, removed or re-weighted, and also while
//     that member is drained.
//   - A flow whose member left is selected anew, alone, and reported as [Moved]: a forwarder can reset its session.
//   - While a flow's member is marked as down the flow is [Detoured]; it returns when the member is up again in time.
//   - New flows follow the selector, and are pinned.
//
// # States and timeouts
//
// The first packet of a flow puts its pin on probation. It is promoted by a later TCP packet with ACK and without SYN or
// RST, or, for what is not TCP, by a second packet that comes at least Config.PromoteAfter later. A FIN or RST puts it in closing,
// where it stays usable, since a half-closed connection goes on; a SYN then starts a new flow. Each state has a timeout,
// counted from the last packet, on probation from the first. A flood of one-packet flows can therefore only push out pins on
// probation; it never takes the place of an established flow. One that forges ACKs too is promoted with its second packet: the
// table does not defend against that.
//
// # What a pin costs, and what can go wrong
//
// A pin is one 64-bit word, and a bucket of eight is a cache line; a flow may live in two buckets. A flow is told by 36 bits of
// its digest and its buckets: with sixteen words looked at, a new flow meets another's pin with a probability of 2e-10, and
// then shares its member; if that pin is of another group of the domain, the two take turns in pushing it aside as
// that of a member that left. The digest must come from a hash with a secret seed where senders are hostile. When all
// sixteen words hold flows that may not be pushed out, the new flow is [Refused]: it goes where the selector says,
// which is right as long as the group does not change. Nothing is silent: see [Stats].
//
// # Time
//
// The package reads no clock: now is an argument, in nanoseconds of any clock of the caller's that does not run backwards, and
// Config.Tick is its resolution. A pin holds its last tick modulo 1024, so [Table.Sweep] must pass the whole table at least every
// 448 ticks; a pin that is not swept in time may seem fresh again, which makes its flow stickier than asked for.
package flowcache
