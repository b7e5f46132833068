// Package xdp forwards in the kernel's express data path: a program that runs
// on each frame before the kernel makes a packet of it, and sends it out again
// by a redirect. It needs Linux 5.15 or later and a little-endian machine, and
// the capabilities CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON for pointers that the
// program compares, and CAP_NET_RAW for the slow path.
//
// # The program
//
// The program is in C, in folder program, which has a README. Its object file
// is committed, so that go build is all that it takes to build the gateway; who
// changes the program needs clang. What it shares with Go, it has from Go: its
// constants are written by a test, its seed, its timeouts and the table of a
// pin's life are set when it is loaded. What holds it right is tests: the kernel
// runs it on drawn, truncated and damaged frames, and the reference engine and a
// slow model say what must come out.
//
// # Two paths
//
// The program forwards what [hash.Parse] reads at once: Ethernet without tags,
// IPv4 without options or IPv6 without extension headers, no fragment, and in
// it TCP, UDP, GRE or IP. It takes the same member for the same flow as the
// other planes do, and sends the same frame. Everything else, and what is for
// no service, it passes on to the kernel. There the plane's slow path, an
// [engine.Worker] on a packet socket, forwards what is for a service: packets
// with options or extension headers, SCTP; and fragments and ICMP errors,
// which it sends after their flow, by its pin. It answers pings; the program drops
// those that are over the rate before, lest a flood of them fills its queue. What
// has a VLAN tag is left to the kernel. The kernel must not forward what the slow
// path does: give the router a blackhole route for the prefixes of the services.
//
// A packet over the MTU of its member's interface is dropped and counted. Its
// sender is told by the slow path, with [plane.ICMP] alone. The MTU is read by
// SetOutputs, which has to be called again when it shrinks.
//
// For a member in a tunnel the program puts the outer header before the packet,
// in the room that drivers leave before each frame. A frame without that is
// dropped and counted.
//
// Frames must be whole: no checksum or cutting into segments may be left to the
// hardware, as veth does unless tx and tso are off on the sender's end.
//
// # Tables
//
// A group's strategy must be a [selector.Tabled] of at most [MaxSlots] slots,
// such as Bounded and Maglev. Sync writes the table of a group, that of the
// members that are alive, into a map of its own, and swaps that in for the old
// one: the program sees the one or the other. Members are told by their slots
// in the domain, so the pins outlive every change of the table.
//
// # Flows
//
// The program keeps flows on their members as [flowcache] does, with the states
// and timeouts of a [flowcache.Config], but in two maps. A new flow is pinned
// in a map of flows on probation, of a quarter of Flows, where in need the
// kernel makes room by forgetting the one not used for longest. A flow that is
// promoted moves to a map of Flows, which nothing is pushed out of: a flood of
// first packets takes no place from established flows. Where that map is full,
// a flow remains where it was, and is Refused. The two take some 100 bytes a
// flow. A packet costs two or three cache misses where the flows do not fit
// into the processor's caches. Time has a resolution of about a millisecond,
// and Config.Tick does not count.
//
// The drained keep their flows. A flow whose member has left is placed anew;
// while its member is down, it goes where the table says, and returns; so it does
// while a member that Restore found in the stream has not joined yet. There
// are no resets: a flow that is placed anew meets a kernel that does not know
// it, and that answers TCP by one.
package xdp
