// Package selector maps a hash to a member of a group of equal-cost next hops.
//
// A [Strategy] is an algorithm with its parameters, a plain value such as
// Bounded{}. For a list of members it builds a [Selector], which is immutable
// and answers in nanoseconds. A [Group] is the live set of members of one
// route: it publishes a [Snapshot] for each state, which holds the selector and
// the payloads of the members, and is swapped in by one atomic store.
//
// [New] and [Selector] serve who needs no live set. For the others a [Domain],
// [NewGroup], [Group.Update] and [Group.Load] are all. What follows is for who
// looks for it: [Group.Plan] tells what a change would do, [Group.SetStrategy]
// changes the algorithm under traffic, [Group.Mark] and [Domain.Mark] say who
// is down, [Group.Announce] prepares for members to come, [Group.UpdateAt] and
// [Group.Settle] serve routers that share flows, and [Group.Close] ends a
// group.
//
// # Choosing a strategy
//
// [Bounded] is the one to choose when nothing speaks for another. Times are for
// N members and a table of M slots, whose entries take one or two bytes each.
// Disruption is what a change of members moves without need, balance how far
// shares are from their due.
//
//	            look-up   build       memory    disruption  balance
//	Modulo      O(1)      O(N)        O(N)      nearly all  exact
//	Threshold   O(log N)  O(N)        O(N)      up to half  exact
//	Rendezvous  O(N)      O(N)        O(N)      none        random
//	Bounded     O(1)      O(M log M)  M slots   little      within a slack
//	Maglev      O(1)      O(M log M)  M slots   some        1 slot
//	Jump        O(log N)  O(N)        O(N)      at the end  random
//	Ring        O(1)      O(points)   O(points) none        poor
//	MultiProbe  O(probes) O(points)   O(points) none        bounded above
//	Resilient * O(1)      O(M)        M slots   none        1 slot
//	Anchor *    O(1)      O(capacity) O(N)      none        random
//	Memento *   O(1)      O(N)        O(N)      none        random
//
//	            weights             choose it when
//	Modulo      exact               a device that does it must be matched
//	Threshold   exact               likewise: RFC 2992, Linux
//	Rendezvous  exact on average    groups are small and flows precious
//	Bounded     by speed, capped    look-ups must be fast: the default
//	Maglev      by turns            a go-maglev table must be matched
//	Jump        by repetition       members come and go at the end only
//	Ring        by points           a ring must be compared with
//	MultiProbe  by points           only memory and peaks matter
//	Resilient * 1 slot, at first    no flow may move without need
//	Anchor *    equal only          likewise, for many members
//	Memento *   equal only          likewise, of no known number
//
// File benchmarks/choosing.md has the figures.
//
// Those marked * are Rebuilders: routers agree if they apply the same changes
// in the same order, and the fingerprint includes the history. All others are
// history-free: placement depends on the set of members and weights alone, not
// on the order in which they are given or came and went. So routers that know
// the same members agree, and [View.Fingerprint] tells whether they do.
// [LinuxResilient] is a type of its own: it reproduces a resilient next-hop
// group of Linux, timers and all.
//
// # Members that leave, drain, or are down
//
// A member that is absent from the list left. One of weight zero is drained: it
// is never selected, and keeps its index, its slot and, with package flowcache,
// its flows. A [Mark] says that a member is down, in one group or in all of the
// [Domain]: look-ups avoid it from then on, while placement and all other hashes
// stay as they are. A backup takes flows while every other member is drained or
// down.
package selector
