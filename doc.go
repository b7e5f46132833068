// Package ecmp is the map of a library of ECMP next-hop selection: which member
// of a group of equal-cost next hops carries a flow, answered in nanoseconds,
// and kept stable while members come and go. It holds no code; the packages
// below do. Its examples are whole routers: packets in, members out, while
// members come, drain and go.
//
//	frames -> hash.Reader (parse, fields, hash by a Policy) -> Flow
//	      -> flowcache.Sticky (pinned?) -> View.Select -> member
//
// Each part can be used without the others:
//
//   - hash makes flow keys of frames, and 64-bit hashes of flow keys.
//   - symmetric gives both directions of a conversation one hash.
//   - selector maps a hash to a member. A strategy is an algorithm with its
//     parameters; a Group is the live set of members, which publishes immutable
//     snapshots.
//   - selector/selectortest checks any strategy, also one of your own.
//   - flowcache remembers the member of each flow, so that flows stay where
//     they are while the group changes.
//
// Modules beside this one hold what is built from these parts: examples has a
// reference packet-forwarding engine, the prediction of paths through Linux and
// a simulator of polarization; gateway is a load balancer to run; benchmarks
// measures the library beside others.
//
// # Four rules
//
//  1. Nothing on the packet path allocates, locks, or formats. One thing
//     excepted: a table's memory of heirs, two bytes a slot, is taken once, by
//     the first look-up whose member is down.
//  2. The library reads no clock, draws no random number and starts no
//     goroutine. Seeds and times are arguments.
//  3. What is published never changes. An update builds a new value and swaps
//     one pointer. Flow tables, liveness marks and LinuxResilient are mutable
//     by nature; they say so and are safe for concurrent use.
//  4. Placement is a contract between routers. For given members, parameters
//     and hash it is the same on every machine, architecture and release;
//     golden files pin it, and a change to one is a breaking change with a
//     heading of its own in the CHANGELOG.
//
// # Words
//
// A member is one next hop of a group; it has an ID and a weight. A drained
// member has weight zero: it keeps its flows and gets no new one. A removed
// member is absent from the list: its flows must move. A member that is down is
// still in the list, but avoided until it is up. A hash that has another member
// after a change has moved; that was forced if its old member left, was drained
// or lost weight relative to its new one, or if that joined, and collateral
// otherwise. The disruption ratio is moved over forced: 1 is perfect.
package ecmp
