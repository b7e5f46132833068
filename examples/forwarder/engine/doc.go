// Package engine is a reference forwarder built on the library: frames in, next hops out. It parses a burst of frames, finds
// each one's group by longest prefix, hashes the flows, keeps them on their members through a flow table, and rewrites MAC
// addresses, TTL and checksum. It does no input and output: a back end, a capture or a socket, calls [Worker.Burst] and sends
// what it decides.
//
// One [Worker] serves one goroutine. Workers share the routes, the groups behind them and the flow table.
package engine
