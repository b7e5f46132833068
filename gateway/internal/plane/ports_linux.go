package plane

import (
	"net"
)

// ports are what a lane sends by, by Adjacency.Output; nil where there is none.
type ports[P port] struct {
	byOutput []P
	open     func(*net.Interface) (P, error)
}

// A port sends to one interface.
type port interface {
	comparable
	index() int // of the interface
	close()
}

// prepare implements the method of lane. It opens each device once, and leaves
// those open that stay.
func (p *ports[P]) prepare(devices map[uint16]*net.Interface, faults Faults) (commit func()) {
	var none P
	before := make(map[int]P) // by index of the interface
	for _, port := range p.byOutput {
		if port != none {
			before[port.index()] = port
		}
	}
	after := make(map[int]P) // none: it can't be opened
	var next []P
	for output, device := range devices {
		port, ok := after[device.Index]
		if !ok {
			port, ok = before[device.Index]
		}
		if !ok {
			var err error
			if port, err = p.open(device); err != nil {
				faults[device.Name], port = err, none
			}
		}
		after[device.Index] = port
		for len(next) <= int(output) {
			next = append(next, none)
		}
		next[output] = port
	}
	return func() {
		p.byOutput = next
		for index, port := range before {
			if after[index] != port {
				port.close()
			}
		}
	}
}

// of returns the port of an output, or the zero port.
func (p *ports[P]) of(output uint16) (port P) {
	if int(output) < len(p.byOutput) {
		return p.byOutput[output]
	}
	return port
}

// close closes all.
func (p *ports[P]) close() {
	p.prepare(nil, nil)()
}
