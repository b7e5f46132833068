// Package flowcache keeps flows where they are while the members of their group
// come and go.
//
// A [Table] remembers which member a flow was given: its pin. [Sticky] routes
// packets over a table and the views of the groups of one [selector.Domain]:
//
//   - A flow whose pin names a member of the view stays there, whatever was
//     added, removed or re-weighted, and also while that member is drained.
//   - A flow whose member left is selected anew, alone, and reported as
//     [Moved]: a forwarder can reset its session.
//   - While a flow's member is marked as down the flow is [Detoured]; it
//     returns when the member is up again in time.
//   - New flows follow the selector, and are pinned.
//
// # States and timeouts
//
// The first packet of a flow puts its pin on probation. It is promoted by a
// later TCP packet with ACK and without SYN or RST, or, for what is not TCP, by
// a second packet that comes at least Config.PromoteAfter later. A FIN or RST
// puts it in closing, where it stays usable, since a half-closed connection
// goes on; a SYN then starts a new flow. Each state has a timeout, counted from
// the last packet, on probation from the first. A flood of one-packet flows can
// therefore only push out pins on probation; it never takes the place of an
// established flow. One that forges ACKs too is promoted with its second
// packet: the table does not defend against that.
//
// The defaults are for servers behind a load balancer. Connections that may be
// silent for as long as RFC 5382 lets them want an EstablishedTCP of 2 h 4 min
// and a Tick of 15 s; then probation takes 30 s. [Flowlets] is for uplinks,
// which keep no state.
//
// # What a pin costs, and what can go wrong
//
// A pin is one 64-bit word, and a bucket of eight is a cache line; a flow may
// live in two buckets. Nearly all packets are of established flows: for them,
// routing is to look at one cache line, two in one of sixteen cases, and to
// write nothing. [Sticky.RouteBatch] lets the cache misses of a burst overlap,
// which is worth more than anything else, so route in bursts of 32 or so. Refreshing a pin is a write, so it is done only after an eighth of
// the timeout: see [Config]. On Linux a table asks for huge pages, which makes the
// misses of large ones cheaper.
//
// A flow is told by 36 bits of its digest and its buckets: with sixteen words
// looked at, a new flow meets another's pin with a probability of 2e-10, once
// in 14 hours at 100,000 new flows a second. It then shares its member; if that
// pin is of another group of the domain, the two take turns in pushing it aside
// as that of a member that left. The digest must come from a hash with a secret
// seed where senders are hostile.
//
// A new flow takes the first of these that its buckets offer: a free word; that
// of a pin which expired or whose member left; one that a pin leaves which has
// room in its other bucket; and that of a pin on probation, the oldest, of
// several equally old ones any. So a table holds the flows that it is made for,
// and in a flood the new flows of others compete with those of the attacker for
// the words that established flows leave. When all sixteen words hold flows
// that may not be pushed out, the new flow is [Refused]: it goes where the
// selector says, which is right as long as the group does not change. Nothing
// is silent: see [Stats].
//
// # Time
//
// The package reads no clock: now is an argument, in nanoseconds of any clock
// of the caller's that does not run backwards, and Config.Tick is its
// resolution; workers' clocks may be up to 64 ticks apart. A pin holds its last
// tick modulo 1024, so [Table.Sweep] must pass the whole table at least every
// 384 ticks; a pin that is not swept in time may seem fresh again, which makes
// its flow stickier than asked for.
package flowcache
