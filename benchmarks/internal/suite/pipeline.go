package suite

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/ecmp-go/ecmp/benchmarks/internal/pipeline"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/hash"
)

// Pipeline is frames that are taken to their members, in the reference engine
// and by what others write without it.
func Pipeline() Suite {
	return Suite{
		Name: "Pipeline",
		Cases: func(size Size) (cases []Case) {
			for _, flows := range []int{10_000, 1_000_000} {
				if flows > slices.Max(size.Flows) {
					continue
				}
				for _, places := range []string{"ordered", "random"} {
					for _, path := range []string{"hit", "miss"} {
						cases = append(cases, pipelineCases(flows, places, path)...)
					}
				}
			}
			return cases
		},
	}
}

func pipelineCases(flows int, places, path string) (cases []Case) {
	add := func(impl string, build func() (pipeline.Pipeline, error)) {
		name := fmt.Sprintf("flows=%d/frames=%s/path=%s/impl=%s", flows, places, path, impl)
		cases = append(cases, Case{name, func() (*Work, error) {
			p, err := build()
			if err != nil {
				return nil, err
			}
			return pipelineWork(p, pipeline.Frames(flows, places == "random"), path == "miss"), nil
		}})
	}
	add("ecmp/form=mix", func() (pipeline.Pipeline, error) { return pipeline.NewEngine(flows, hash.NewMix(1)) })
	if path == "hit" {
		add("ecmp/form=xx", func() (pipeline.Pipeline, error) { return pipeline.NewEngine(flows, hash.XX{Seed: 1}) })
	}
	for _, p := range pipeline.Peers() {
		add(p.Name, func() (pipeline.Pipeline, error) { return p.New(flows), nil })
	}
	return cases
}

// pipelineWork forwards a window of the frames, whose flows are all known, or
// none. What it asks for from the allocator is counted before.
func pipelineWork(p pipeline.Pipeline, frames [][]byte, miss bool) *Work {
	pipeline.Fill(p, frames)
	pipeline.Restore(frames)
	passes := 0
	w := windows(frames, func(list [][]byte) {
		if passes++; passes*len(list) > pipeline.Lives*len(frames) {
			pipeline.Restore(frames)
			passes = 1
		}
		known := p.Forward(list)
		if miss && known > 0 || !miss && known < len(list)*99/100 {
			panic(fmt.Sprintf("%d of %d flows were known", known, len(list)))
		}
	})
	if miss {
		w.Reset = p.Forget
		w.Reset()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w.Pass()
	runtime.ReadMemStats(&after)
	// in whole numbers: other goroutines allocate too
	allocs := (after.Mallocs - before.Mallocs) / uint64(w.Items)
	w.Figures = results.Exact(numbers{"allocs/frame": float64(allocs)})
	return w
}
