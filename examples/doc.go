// Package examples lists the programs of this module. Each shows one use of the
// library, and is to be run, read and copied from. The packages below them are
// parts of these programs.
//
//   - quickstart routes a flow as its group gains a member and loses one.
//   - forwarder plays captures of packets to the reference engine, while the
//     group changes, and prints what becomes of the flows.
//   - linuxpath predicts the next hop of a flow on a Linux router.
//   - polarization shows how tiers that compute the same hash load their links,
//     and checks a plan of tiers.
//   - plan tells what changes of a group would move, and in which order they
//     move least.
//   - simulator plays a rolling upgrade and the failure of a gateway in virtual
//     time, under each strategy.
//   - affinity routes requests to language-model servers by key and live load,
//     and compares that with other rules.
//   - gobgp learns groups of next hops from BGP. It is a module of its own,
//     since GoBGP brings more modules than all other examples together.
//   - playground shows in a browser which slots move when a group changes.
//
// Run one from the root of the repository, as in
//
//	go run ./examples/quickstart
package examples
