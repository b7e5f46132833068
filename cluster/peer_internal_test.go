package cluster

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/stretchr/testify/require"
)

// A speaker makes the heartbeats of a gateway, in virtual time.
type speaker struct {
	keys keys
	heartbeat
}

func newSpeaker(name, seed string, c Config) *speaker {
	k := newKeys([]byte(seed), "test")
	return &speaker{k, heartbeat{
		Cluster: "test", Gateway: name, Instance: random(), Every: time.Second, Settings: settingsOf(&c, k),
		Groups: map[string]Report{},
	}}
}

func (s *speaker) say() (text []byte, seal string) {
	s.Sequence++
	text, _ = json.Marshal(s.heartbeat)
	return text, s.keys.seal(text)
}

const goodSeed = "0123456789abcdef"

func hearer() (*peers, Config) {
	c := Config{Cluster: "test", Gateway: "here", Heartbeat: time.Second, Policy: 7,
		Layout: flowcache.Layout{Buckets: 1024, Form: 1}}
	p := newPeers(&c, newKeys([]byte(goodSeed), "test"))
	return &p, c
}

func refusedField(t *testing.T, err error) string {
	t.Helper()
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	return refused.Field
}

func TestSettingsAreRefusedByName(t *testing.T) {
	now := time.Unix(1000, 0)
	for want, change := range map[string]func(*Config){
		FieldPolicy:  func(c *Config) { c.Policy = 8 },
		FieldBuckets: func(c *Config) { c.Layout.Buckets = 2048 },
		FieldForm:    func(c *Config) { c.Layout.Form = 2 },
		FieldClasses: func(c *Config) { c.Classes = []flowcache.ClassConfig{{Name: "dns", Idle: time.Second}} },
	} {
		p, c := hearer()
		change(&c)
		text, seal := newSpeaker("g2", goodSeed, c).say()
		q, _ := p.heard("g2", text, seal, now)
		require.Equal(t, want, refusedField(t, q.Refused))
		require.Contains(t, q.Refused.Error(), "g2")
		p.prove("g2", q.Instance)
		require.Equal(t, want, refusedField(t, q.Refused), "with a proof too")
	}
}

func TestSeedIsProven(t *testing.T) {
	now := time.Unix(1000, 0)
	p, c := hearer()
	text, seal := newSpeaker("g3", "another seed, of 24 bytes", c).say()
	q, challenge := p.heard("g3", text, seal, now)
	require.False(t, challenge)
	require.Equal(t, FieldSeed, refusedField(t, q.Refused))

	s := newSpeaker("g2", goodSeed, c)
	text, seal = s.say()
	require.NotContains(t, string(text), goodSeed)
	q, challenge = p.heard("g2", text, seal, now)
	require.True(t, challenge)
	require.Equal(t, FieldProof, refusedField(t, q.Refused), "what somebody recorded is no proof")
	p.prove("g2", s.Instance+1)
	require.Error(t, q.Refused, "another instance answered")
	p.prove("g2", s.Instance)
	require.NoError(t, q.Refused)

	// Heard again, or in another gateway's name, it changes nothing.
	again, _ := p.heard("g2", text, seal, now)
	require.Nil(t, again)
	require.Equal(t, uint64(1), p.stale)
	copied, _ := p.heard("g4", text, seal, now)
	require.Equal(t, FieldSeed, refusedField(t, copied.Refused))

	// Who has no seed can't speak for a live gateway; nor change a letter.
	text, _ = s.say()
	forged, _ := p.heard("g2", text, seal, now)
	require.Nil(t, forged)
	require.Equal(t, uint64(1), p.forged)
	require.NoError(t, q.Refused)

	// An answer depends on all that was asked.
	k := newKeys([]byte(goodSeed), "test")
	proof := k.proof("g2", 5, "g1", []byte("nonce"))
	require.NotEqual(t, proof, k.proof("g2", 5, "g1", []byte("other")))
	require.NotEqual(t, proof, k.proof("g2", 6, "g1", []byte("nonce")))
	require.NotEqual(t, proof, k.proof("g2", 5, "g3", []byte("nonce")))
	require.NotEqual(t, proof, newKeys([]byte(goodSeed), "other").proof("g2", 5, "g1", []byte("nonce")))
}

func TestLiveForThreeHeartbeats(t *testing.T) {
	now := time.Unix(1000, 0)
	p, c := hearer()
	s := newSpeaker("g2", goodSeed, c)
	text, seal := s.say()
	p.heard("g2", text, seal, now)
	require.True(t, p.list(now.Add(3*time.Second - 1))[0].Live)
	require.False(t, p.list(now.Add(3 * time.Second))[0].Live)
	p.forget(now.Add(forgetAfter))
	require.Len(t, p.list(now), 1)
	p.forget(now.Add(forgetAfter + 1))
	require.Empty(t, p.list(now))

	text, seal = s.say()
	p.heard("g2", text, seal, now)
	s.Leaving = true
	text, seal = s.say()
	p.heard("g2", text, seal, now)
	require.Empty(t, p.list(now), "it left")
}

func TestNamesAreBounded(t *testing.T) {
	p, _ := hearer()
	for i := range 2 * maxPeers {
		p.heard(strconv.Itoa(i), nil, "", time.Unix(1000, 0))
	}
	require.Len(t, p.known, maxPeers)
}

// TestInventedNamesLockNobodyOut hears as many invented names as are remembered,
// and then gateways that prove their seed.
func TestInventedNamesLockNobodyOut(t *testing.T) {
	p, c := hearer()
	now := time.Unix(1000, 0)
	name := func(kind string, i int) string { return kind + strconv.Itoa(i) }
	for i := range maxPeers {
		p.heard(name("invented", i), nil, "", now.Add(time.Duration(i)))
	}
	now = now.Add(time.Second)
	for i := range maxPeers {
		s := newSpeaker(name("real", i), goodSeed, c)
		text, seal := s.say()
		q, challenge := p.heard(s.Gateway, text, seal, now)
		require.NotNil(t, q)
		require.True(t, challenge)
		p.prove(s.Gateway, s.Instance)
		require.NoError(t, q.Refused)
		require.Nil(t, p.known[name("invented", i)], "it was heard longest ago")
		require.Len(t, p.known, maxPeers)
	}
	q, _ := p.heard("invented", nil, "", now)
	require.Nil(t, q, "all have proven their seed")
	require.Len(t, p.known, maxPeers)
}

// TestRecordedHeartbeatsDisplaceNobody repeats heartbeats of earlier instances
// of a gateway that has proven its seed, and then has that one be restarted.
func TestRecordedHeartbeatsDisplaceNobody(t *testing.T) {
	p, c := hearer()
	now := time.Unix(1000, 0)
	say := func(s *speaker) (*peer, bool) {
		text, seal := s.say()
		return p.heard("g2", text, seal, now)
	}
	current := newSpeaker("g2", goodSeed, c)
	current.Groups["web"] = Report{Version: 9}
	say(current)
	p.prove("g2", current.Instance)
	proven := p.known["g2"]
	require.NoError(t, proven.Refused)

	recorded, other := newSpeaker("g2", goodSeed, c), newSpeaker("g2", goodSeed, c)
	recorded.Groups["web"] = Report{Version: 3}
	for range 3 {
		q, challenge := say(recorded)
		require.True(t, challenge)
		require.Equal(t, FieldProof, refusedField(t, q.Refused))
		_, challenge = say(other)
		require.True(t, challenge)
		require.Same(t, proven, p.known["g2"])
		require.EqualValues(t, 9, p.list(now)[0].Groups["web"].Version)
	}
	recorded.Sequence, other.Sequence = 0, 2
	_, challenge := say(other)
	require.False(t, challenge, "the same once more")
	require.EqualValues(t, 1, p.stale)
	recorded.Leaving = true
	say(recorded)
	q, challenge := say(current)
	require.Same(t, proven, q, "what it says counts on")
	require.False(t, challenge)

	// The restarted one proves its seed at once.
	again := newSpeaker("g2", goodSeed, c)
	_, challenge = say(again)
	require.True(t, challenge)
	p.prove("g2", again.Instance)
	require.Equal(t, again.Instance, p.list(now)[0].Instance)
	require.NoError(t, p.known["g2"].Refused)

	// Its proof counts too if recorded heartbeats come meanwhile.
	third := newSpeaker("g2", goodSeed, c)
	say(third)
	recorded.Leaving = false
	say(recorded)
	p.prove("g2", third.Instance)
	require.Equal(t, again.Instance, p.list(now)[0].Instance)
	say(recorded)
	_, challenge = say(third)
	require.False(t, challenge)
	require.Equal(t, third.Instance, p.list(now)[0].Instance)
	require.NoError(t, p.known["g2"].Refused)

	// Of a gateway that is silent, any heartbeat is news.
	now = now.Add(time.Hour)
	q, challenge = say(recorded)
	require.True(t, challenge)
	require.Same(t, q, p.known["g2"])
}
