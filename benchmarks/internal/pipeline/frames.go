// Package pipeline takes frames to their members, by the reference engine and
// by what others write without it.
package pipeline

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

const (
	ttl       = 255
	frameLine = 64 // bytes that a frame takes
	ttlAt     = 22
)

// Frames returns a frame of each flow, TCP of 60 bytes over IPv4 to one
// address. They lie one behind the other in memory, as in a capture, or in
// random places, as in the buffers of a network card.
func Frames(flows int, random bool) [][]byte {
	template := []byte{
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 8, 0,
		0x45, 0, 0, 46, 0, 0, 0x40, 0, ttl, 6, 0, 0, 10, 0, 0, 0, 172, 16, 0, 20,
		0, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0,
		'd', 'a', 't', 'a', '!', '!',
	}
	memory := make([]byte, flows*frameLine)
	frames := make([][]byte, flows)
	places := rand.New(rand.NewPCG(1, 2)).Perm(flows)
	for i := range frames {
		at := i
		if random {
			at = places[i]
		}
		frames[i] = memory[at*frameLine:][:copy(memory[at*frameLine:], template)]
		binary.BigEndian.PutUint32(frames[i][26:], 10<<24|uint32(i>>4))
		binary.BigEndian.PutUint16(frames[i][34:], uint16(1024+i&15))
	}
	return frames
}

// Restore gives frames their time to live back.
func Restore(frames [][]byte) {
	for _, f := range frames {
		f[ttlAt] = ttl
	}
}

// Lives is how many times a frame can be forwarded until it has to be restored.
const Lives = ttl - 2

// A Pipeline takes frames to their members.
type Pipeline interface {
	// Forward returns how many frames were of flows that it knew.
	Forward(frames [][]byte) (known int)
	Forget() // all flows
}

// Fill makes all flows known, twice as the second packet promotes a flow, in
// another order than they come in later.
func Fill(p Pipeline, frames [][]byte) {
	frames = slices.Clone(frames)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	for range 2 {
		p.Forward(frames)
	}
}
