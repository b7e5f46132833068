package selector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/internal/golden/place"
)

func TestSipHash(t *testing.T) {
	message := make([]byte, 15)
	for i := range message {
		message[i] = byte(i)
	}
	assert.Equal(t, uint64(0xa129ca6149be45e5), siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, string(message)),
		"the paper's")
	random := rand.New(rand.NewPCG(3, 3))
	for n := range 100 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		k0, k1 := random.Uint64(), random.Uint64()
		assert.Equal(t, place.SipHash(k0, k1, b), siphash(k0, k1, string(b)))
	}
}
