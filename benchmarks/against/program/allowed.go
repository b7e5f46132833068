package program

// allows returns the name of what allows two engines to make different things
// of a frame; it is empty if nothing does.
func (p *pair) allows(frame []byte, now, was Decision) string {
	return ""
}
