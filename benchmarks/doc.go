// Package benchmarks measures the library beside others: what a change of a
// group moves, how even the load is, what becomes of connections that live, and
// what look-ups, builds, hashes and the flow table cost. It has no code of its
// own, only benchmarks:
//
//	go test -run '^$' -bench . ./benchmarks
//
// The README beside this file says what each figure means and what is left out.
// The command in report measures all of it by the same functions, in turns,
// draws it, and compares it with what is promised.
package benchmarks
