package symmetric

// ToeplitzKey returns the key for [hash.NewToeplitz] that makes it the same for
// both directions of a conversation: 6d5a, twenty times (Woo and Park,
// "Scalable TCP session monitoring with symmetric receive-side scaling", 2012).
// Network cards take it too, so that both directions reach one queue.
//
// It has a trap: a key that repeats every 16 bits has no more than 16 bits in
// it, and neither has the hash. Both its halves are the same, so that every
// value is a multiple of 65537: there are 65,536 different ones, in all. Modulo
// 65537 everything is one member; a table with more slots than that has empty
// ones. Put [hash.Mixed] behind it, or take [Hasher] where a card need not
// agree.
func ToeplitzKey() (key [40]byte) {
	for i := range key {
		key[i] = [2]byte{0x6d, 0x5a}[i%2]
	}
	return key
}
