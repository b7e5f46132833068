// Package benchmarks measures the library beside others: what a change of a group moves, how even the load is, and what
// look-ups, builds, hashes and the flow table cost. It has no code of its own, only benchmarks:
//
//	go test -run '^$' -bench . ./benchmarks
//
// The README beside this file says what each figure means and what is left out. The command in ratios compares speeds in
// one run, where two processes of go test would measure the machine's mood as well.
package benchmarks
