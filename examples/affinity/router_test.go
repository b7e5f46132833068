package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// fleetOf returns a router over servers of these weights.
func fleetOf(t *testing.T, factor float64, weights ...uint32) (*router, []*server) {
	t.Helper()
	r, err := newRouter(selector.Bounded{Slots: 1024}, factor)
	require.NoError(t, err)
	fleet, hops := make([]*server, len(weights)), make([]selector.Hop[*server], len(weights))
	for i, w := range weights {
		fleet[i] = &server{id: fmt.Sprint("s", i)}
		hops[i] = selector.Hop[*server]{ID: fleet[i].id, Weight: w, Value: fleet[i]}
	}
	_, err = r.group.Update(hops)
	require.NoError(t, err)
	return r, fleet
}

// A server never gets more than its cap, somebody always has room, and a key
// stays at its first server while that has room.
func TestCapHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		weights, sum := make([]uint32, 1+random.IntN(9)), uint32(0)
		for i := range weights {
			weights[i] = random.Uint32N(4)
			sum += weights[i]
		}
		if sum == 0 {
			weights[0], sum = 1, 1
		}
		factor := 1 + random.Float64()
		r, fleet := fleetOf(t, factor, weights...)
		free, _ := fleetOf(t, 0, weights...)
		for i, s := range fleet {
			if weights[i] == 0 {
				s.load = 50 // from before its drain: it counts no more
			}
		}
		total := 0
		for n := range 300 {
			key := fmt.Sprint(random.IntN(20))
			s := r.choose(key)
			require.NotNil(t, s)
			for i, other := range fleet {
				most := math.Ceil(factor * float64(total+1) * float64(weights[i]) / float64(sum))
				if s == other {
					require.NotZero(t, weights[i], "it is drained")
					require.LessOrEqual(t, float64(s.load+1), most)
				} else if other.id == free.choose(key).id {
					require.GreaterOrEqual(t, float64(other.load), most, "the first server has room")
				}
			}
			s.load++
			total++
			if n > 100 {
				if i := random.IntN(len(fleet)); weights[i] > 0 && fleet[i].load > 0 {
					s := fleet[i]
					s.load--
					total--
				}
			}
		}
	}
}

// Without a cap a key has one server, and weights are shares of the keys.
func TestWeights(t *testing.T) {
	r, fleet := fleetOf(t, 0, 1, 3, 0)
	for n := range 40_000 {
		r.choose(fmt.Sprint(n)).load++
	}
	assert.InDelta(t, 10_000, fleet[0].load, 800)
	assert.Zero(t, fleet[2].load)
	same := r.choose("one")
	for range 1000 {
		require.Same(t, same, r.choose("one"))
		same.load++
	}
}

func TestNobodyTakesRequests(t *testing.T) {
	r, _ := fleetOf(t, 1.25, 0, 0)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader("{}")))
	assert.Equal(t, 503, w.Code)
}

// The session goes before the tenant, and that before the prompt, which the
// server gets whole.
func TestKeyOf(t *testing.T) {
	prompt := strings.Repeat("You are a pirate. ", 100)
	q := httptest.NewRequest("POST", "/", strings.NewReader(prompt))
	assert.Equal(t, prompt[:256], keyOf(q))
	body, err := io.ReadAll(q.Body)
	require.NoError(t, err)
	assert.Equal(t, prompt, string(body))
	assert.Equal(t, "short", keyOf(httptest.NewRequest("POST", "/", strings.NewReader("short"))))
	q.Header.Set("X-Tenant", "a")
	assert.Equal(t, "X-Tenant a", keyOf(q))
	q.Header.Set("X-Session", "a")
	assert.Equal(t, "X-Session a", keyOf(q))
}
