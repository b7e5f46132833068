package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The trace. All prompts of a tenant begin alike, those of an application of
// the tenant go on alike, and each prompt of a conversation begins with all
// that was said before.
const (
	blockTokens  = 64  // tokens of a block, the unit of caches
	tenants      = 50  // drawn by Zipf's law
	skew         = 1.1 // its exponent
	common       = 8   // blocks of instructions that the tenant's applications share
	applications = 4   // of a tenant
	shortest     = 8   // blocks of instructions of an application
	longest      = 56
	meanTurns    = 6 // of a conversation
	question     = 4 // blocks at most
	answer       = 6 // likewise
	meanThinking = 20 * time.Second
	perSecond    = 24 // requests
	warmUp       = 10 // percent of the requests, which fill the caches and do not count
)

// A request is a turn of a conversation.
type request struct {
	at              time.Duration
	tenant, session string
	prompt, answer  []uint64 // blocks; each number stands for all blocks before it too
}

// newTrace draws n requests from a seed, in order of time.
func newTrace(n int, seed uint64) []request {
	random := rand.New(rand.NewPCG(seed, 0))
	extend := func(text []uint64, least, most int) []uint64 {
		text = slices.Clip(text)
		for range least + random.IntN(most-least+1) {
			text = append(text, random.Uint64())
		}
		return text
	}
	var names [tenants]string
	var instructions [tenants][applications][]uint64
	for t := range instructions {
		names[t] = fmt.Sprintf("tenant-%08x", random.Uint32())
		start := extend(nil, common, common)
		for a := range instructions[t] {
			instructions[t][a] = extend(start, shortest, longest)
		}
	}
	popular := rand.NewZipf(random, skew, 1, tenants-1)
	span := time.Duration(n) * time.Second / perSecond
	lead := meanTurns * meanThinking // conversations that began before
	var trace []request
	for session := 0; time.Duration(len(trace))*time.Second/perSecond < span+lead; session++ {
		tenant := popular.Uint64()
		text := instructions[tenant][random.IntN(applications)]
		at := time.Duration(random.Int64N(int64(span+lead))) - lead
		for more := true; more; more = random.IntN(meanTurns) > 0 {
			text = extend(text, 1, question)
			q := request{at: at, prompt: text, tenant: names[tenant], session: fmt.Sprint(names[tenant], "-", session)}
			text = extend(text, 1, answer)
			q.answer = text[len(q.prompt):]
			trace = append(trace, q)
			at += time.Duration((1 + random.ExpFloat64()) / 2 * float64(meanThinking))
		}
	}
	trace = slices.DeleteFunc(trace, func(q request) bool { return q.at < 0 })
	slices.SortStableFunc(trace, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	return trace[:min(n, len(trace))]
}

// describe says what a trace was drawn from.
func describe(trace []request, seed uint64) string {
	blocks := 0
	for _, q := range trace {
		blocks += len(q.prompt)
	}
	return fmt.Sprintf(`%d requests by seed %d, %d a second, of %d tenants by Zipf's law of exponent %v.
Each has %d applications. A prompt begins with %d tokens of its tenant and %d to %d of its application.
What was said before follows, %d turns on average. Prompts have %d tokens on average.
Each of %d servers reads %d tokens a second, one prompt at a time, and caches %d tokens.
The first %d %% of the requests fill the caches and do not count.
`, len(trace), seed, perSecond, tenants, skew, applications,
		common*blockTokens, shortest*blockTokens, longest*blockTokens, meanTurns,
		blocks*blockTokens/len(trace), servers, int(time.Second/reading)*blockTokens, cacheSize*blockTokens, warmUp)
}
