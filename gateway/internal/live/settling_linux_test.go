package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// What is learned is whole when all is there that was, or all routers are there
// and silent for a while; and it is not waited for longer than some seconds.
func TestSettling(t *testing.T) {
	service := func(name string, ids ...string) (s config.Service) {
		s.Name = name
		for _, id := range ids {
			s.Members = append(s.Members, config.Member{ID: id})
		}
		return s
	}
	before := map[string][]string{"a": {"1", "2"}, "b": {"1"}}
	one := []config.Service{service("a", "1", "3", "4")}
	two := []config.Service{service("a", "1", "2"), service("c", "1")}
	whole := []config.Service{service("a", "1", "2", "3"), service("b", "1")}
	began := time.Unix(0, 0)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	s := settling{before: before}
	for _, step := range []struct {
		at       float64
		learned  []config.Service
		sessions bool
		over     bool
	}{
		{0, nil, false, false}, {2, nil, false, false}, {3, one, false, false}, {5, one, false, false},
		{5.5, one, true, false}, {9, two, true, false}, {13.9, two, true, false}, {14, two, true, true},
		{15, one, false, true}, // it does not begin again
	} {
		assert.Equal(t, step.over, s.over(step.learned, step.sessions, at(step.at)), step.at)
	}
	s = settling{before: before}
	assert.False(t, s.over(nil, false, at(0)))
	assert.False(t, s.over(one, false, at(19)))
	assert.True(t, s.over(one, false, at(20)), "a router is not there")
	s = settling{before: before}
	assert.False(t, s.over(two, false, at(0)))
	assert.True(t, s.over(whole, false, at(.1)), "nothing is missing")
}
