package lab

// A subject is a data plane under the lab's control.
type subject interface {
	start(pods []*pod) error   // makes these the members
	add(p *pod) error          // one more
	remove(p *pod) error       // it is dead
	drain(p *pod) error        // it gets no new flow, as far as the plane knows a way
	drains() bool              // it knows a way that keeps the pod's connections
	replace(pods []*pod) error // the members are these, at once
	close() error
}
