// Package engine is a reference forwarder built on the library: frames in, next
// hops out. It reads and hashes a burst of frames, finds each one's group by
// longest prefix, keeps flows on their members through a flow table, and
// rewrites MAC addresses, TTL and checksum. It does no input and output: a
// back end, a capture or a socket, calls [Worker.Burst] and sends what it
// decides. Its back end gives it the frames that are for the router: the engine
// looks neither at their MAC addresses nor at the scope of their IP addresses.
//
// One [Worker] serves one goroutine. Workers share the routes, the groups
// behind them and the flow table.
package engine
