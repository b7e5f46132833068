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
// must be predicted, put a [Mixed] between them and a selector. [Linux611] is
// what the kernel hashes to under each of its multipath policies, for
// predicting a router bit for bit.
//
// Both directions of a conversation get one hash by [Symmetric] among the
// fields; package symmetric has the door to it.
//
// Hash many packets or keys in one call where you can: a call through an
// interface for every key costs as much as the hash.
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
