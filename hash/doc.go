// Package hash turns frames into flow keys and flow keys into 64-bit hashes,
// for equal-cost multipath.
//
//	frames -> Reader.Read -> Flows                     (the path of a packet)
//	frame  -> Parse -> Headers -> Policy.HashHeaders   (the same, step by step)
//
// A [Policy] says which fields of a packet make up its flow and by which hash.
// Its [Reader] reads a burst of frames in one pass and says of each what a
// router needs: the hash, where the headers are, and of what kind it is.
//
// [Parse] and [ParseIP] read the headers of one packet, for whoever wants to
// look. An [Extractor], such as the mask [FiveTuple], chooses the parts of the
// flow that count. A [Hasher], such as [XX], maps the resulting [FlowKey] to 64
// bits. [Policy.Hash] is where a flow goes without any packet.
//
// Everything here but a Reader is a value or works on memory of the caller: it
// keeps no state between calls and is safe for concurrent use as long as no two
// calls write to the same memory. Nothing allocates or locks. Hashes are the
// same on every machine, architecture and release.
//
// # Which hasher
//
// [XX] is the default. [Sip] with a secret key is the one for senders who try
// to put all their flows on one member, or all into one bucket of a flow table.
// [Mix] is the fastest, for senders of good will.
//
// [Toeplitz], [CRC32C] and any other [CRC] are what network cards and switch
// chips compute; whoever knows that can collide them at will. Unless a device
// must be predicted, put [Mixed] between them and a selector. [Linux611] is
// what the kernel hashes to under each of its multipath policies, for
// predicting a router bit for bit.
//
// Both directions of a conversation get one hash by [Symmetric] among the
// fields; package symmetric has the door to it.
//
// Hash many packets or keys in one call where you can: a call through an
// interface for every key costs as much as the hash.
//
// # What is read
//
// IPv4 options are stepped over. So are the IPv6 extension headers hop-by-hop,
// routing, destination options, authentication and, for whole packets,
// fragment, in any order. IPv4 with an authentication header has protocol 51.
//
// Bytes beyond the length that the IP header gives are padding and not looked
// at; a packet that is shorter than its header says is truncated. A length of
// zero, as found in packets that a network card has yet to segment or has
// merged, and in jumbograms, stands for all the bytes there are.
//
// TCP, UDP, UDP-Lite, SCTP and DCCP have ports, other protocols none. Of an
// ICMP error, the flow that it cites is read too: see [Headers]. The length
// fields in what is cited are ignored, as routers cut and change it.
//
// What a router does not need is no error. A packet that ends in its transport
// header has the ports if these are there, and no TCP flags. One that ends in
// an extension header, has more than 16 of them, or more than 1,534 bytes in
// front of the next, is of the protocol of that extension header and has no
// ports.
//
// Tunnels are followed to the innermost flow: IP in IP in all four
// combinations, GRE (with checksum, key and sequence number, also the version
// of PPTP) over IP, Ethernet or MPLS, and on UDP by destination port VXLAN,
// Geneve, GTP-U, MPLS and GRE (see [DefaultTunnelPorts]). Up to eight of them
// are, as far as the payload of each starts within the first 1,024 bytes. A
// fragment is not looked into.
//
// # Linux
//
// What may surprise of [Linux611]; all of it is the kernel's doing:
//
//   - It is symmetric. But addresses and ports are sorted separately, so the
//     flows from a:1 to b:2 and from a:2 to b:1 share a hash.
//   - LinuxL4 and LinuxCustom take no ports from fragments, not even from the
//     first, nor from an IPv6 packet with a fragment header that is whole, so
//     fragments and whole packets of a flow may part. LinuxL3 hashes the
//     next-header field of IPv6 as it stands in the fixed header, 44 for a
//     fragment.
//   - An ICMP error goes with the flow that it is about under LinuxL3 alone;
//     the others hash the error's own header. The identifier of an echo never
//     counts.
//   - The ports are the first four bytes of TCP, UDP, UDP-Lite, SCTP, DCCP and
//     also ESP, where they are the SPI, and the SPI of an authentication
//     header, even in front of TCP in IPv6.
//   - Tunnels are IP in IP, in all four combinations, and GRE. VXLAN and what
//     else is carried by UDP is not looked into, nor what is behind MPLS, a tag
//     9100 or a compressed PPP protocol in GRE.
//   - The inner flow label is the last one that was not zero, be it that of an
//     outer header.
//   - With LinuxL4, the kernel uses skb->hash instead where the network card or
//     the socket of the sender set one, so that the prediction fails, also
//     between namespaces of one host. LinuxCustom with Fields 0x37 is the
//     five-tuple that can be predicted.
//
// May go elsewhere than predicted: a packet whose inner headers are damaged, or
// nested deeper than Parse looks (8 tunnels) or than the kernel does (15
// extension headers, tags and tunnels together), and, under the policies that
// look inside, GRE with batman-adv or TIPC in Ethernet.
//
// # Hostile input
//
// Parse, ParseIP and a Reader accept any bytes. They never panic, never look
// past the end of the slice or of the IP packet in it, and allocate nothing for
// bad packets either. The slowest packet takes about a hundred times as long as
// a plain one, however long it is: at most eight tunnels are entered, 16
// extension headers stepped over at each of them, and nothing is looked for
// behind byte 1,534, or in a tunnel behind byte 1,024. An ICMP error may quote
// another such packet.
//
// They check what they must in order to find the flow; they are no firewall:
// checksums, addresses, TCP data offsets and UDP lengths are not looked at.
package hash
