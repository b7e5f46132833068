package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// keys prove that a gateway has the seed. All are HMAC-SHA256 (RFC 2104), and
// none tells the seed.
type keys struct{ base []byte }

func newKeys(seed []byte, cluster string) keys {
	return keys{sum(seed, "ecmp cluster 1", []byte(cluster))}
}

// sum authenticates parts, each with its length, under a key and for a use.
func sum(key []byte, use string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range append([][]byte{[]byte(use)}, parts...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		m.Write(n[:])
		m.Write(p)
	}
	return m.Sum(nil)
}

// seal proves that a gateway with the seed made this text.
func (k keys) seal(text []byte) string {
	return base64.RawURLEncoding.EncodeToString(sum(k.base, "heartbeat", text))
}

func (k keys) sealed(text []byte, seal string) bool {
	return hmac.Equal([]byte(k.seal(text)), []byte(seal))
}

// proof answers a challenge: a nonce that the asker drew. A gateway without the
// seed that repeats what it once heard can't.
func (k keys) proof(gateway string, instance uint64, asker string, nonce []byte) []byte {
	return sum(k.base, "proof", []byte(gateway), binary.BigEndian.AppendUint64(nil, instance), []byte(asker), nonce)
}

// mask hides a value that must be equal, such as the policy's fingerprint, with
// which seeds could be tried.
func (k keys) mask(use string, value uint64) string {
	return base64.RawURLEncoding.EncodeToString(sum(k.base, use, binary.BigEndian.AppendUint64(nil, value)))
}
