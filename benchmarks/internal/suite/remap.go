package suite

import "github.com/ecmp-go/ecmp/selector"

// remapSize is how many hashes one draw places where there is no table.
const remapSize = 1 << 16

// Remap is what an event moves: the events of [Changes] that are of most use,
// and series in fewer draws of other libraries, whose builds are slow.
func Remap() Suite {
	return Suite{
		Name:  "Remap",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			for _, s := range size.placements() {
				for _, n := range size.Members {
					for _, e := range events() {
						sized := size
						switch {
						case e.series && s.Peer:
							sized.Draws = min(size.Draws, size.Foreign)
						case e.series:
							sized.Draws = min(size.Draws, size.Series)
						}
						if !e.drawn && follows(s, n, e) {
							cases = append(cases, change(sized, s, n, e, 0, remapSize))
						}
					}
				}
			}
			return cases
		},
	}
}

// buildWork is the build of a selector.
func buildWork(s selector.Strategy, members []selector.Member) (*Work, error) {
	if _, err := selector.New(s, members); err != nil {
		return nil, err
	}
	return &Work{Items: 1, Pass: func() {
		if _, err := selector.New(s, members); err != nil {
			panic(err) // it did not fail before
		}
	}}, nil
}
