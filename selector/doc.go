// Package selector maps a hash to a member of a group of equal-cost next hops.
//
// A [Strategy] is an algorithm with its parameters, a plain value such as
// Maglev{}. For a list of members it builds a [Selector], which is immutable
// and answers in nanoseconds. A [Group] is the live set of members of one
// route: it publishes a [Snapshot] for each state, which holds the selector and
// the payloads of the members, and is swapped in by one atomic store.
//
// # Choosing a strategy
//
// Look-up and build times are for N members and a table of M slots; disruption
// is moved/forced hashes when one of 100 members leaves, from the best to the
// worst place in the order of IDs where that matters.
//
//	strategy    look-up   build       memory  weights          disruption  balance    choose it when
//	Modulo      O(1)      O(N)        O(N)    exact            99          exact      a device that does it must be matched
//	Threshold   O(log N)  O(N)        O(N)    exact            25 to 50    exact      likewise: RFC 2992, Linux
//	Rendezvous  O(N)      O(N)        O(N)    exact on average 1           random     groups are small and flows precious
//	Bounded     O(1)      O(M log M)  M or 2M by race, capped  1.01        5 %        look-ups must be fast: the default choice
//	Maglev      O(1)      O(M log M)  M or 2M by turns         1.6         1 slot     a go-maglev table must be matched
//	Jump        O(log N)  O(N)        O(N)    by repetition    1 to 100    random     members only come and go at the end
//	Ring        O(1)      O(points)   24P     by points        1 (**)      9 %        a ring must be compared with
//	MultiProbe  O(probes) O(points)   32P     by points        1 (**)      above only memory is short, and only peaks matter
//	Resilient   O(1)      O(M)        M or 2M 1 slot, at first 1           1 slot     no flow may move without need; log (*)
//	Anchor      O(1)      O(capacity) 45N     refused          1           random     likewise, for many equal members; log (*)
//	Memento     O(1)      O(N)        34N     refused          1           random     likewise, of no known number; log (*)
//
//	(*) not history-free: routers agree if they apply the same changes in the same order
//	(**) while the weights' common divisor stays as it is
//
// Look-ups in bursts take about 0.7 ns in a table, 10 ns with Anchor at its
// default capacity, 5 to 13 ns with Memento, and 0.7 ns a member with
// Rendezvous. These numbers, and those of disruption and balance in the table,
// come out of the results in the module benchmarks, and a test there holds them
// to those.
//
// All but those marked (*) are history-free: placement depends on the set of
// members and weights alone, not on the order in which they are given or came
// and went. So routers that know the same members agree, and [View.Fingerprint]
// tells whether they do. The others are Rebuilders, whose fingerprint includes
// the history. [LinuxResilient] is a type of its own: it reproduces a resilient
// next-hop group of Linux, timers and all.
//
// # Members that leave, drain, or are down
//
// A member that is absent from the list left. One of weight zero is drained: it
// is never selected, and keeps its index, its slot and, with package flowcache,
// its flows. A [Mark] says that a member is down: look-ups avoid it from then
// on, in all groups of the [Domain], while placement and all other hashes stay
// as they are.
package selector
