package health

import "context"

// Ask has another one ask.
func (c *Checker) Ask(by func(context.Context, Target) error) { c.by = by }
