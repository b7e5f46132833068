package plane

import (
	"errors"
	"net"
)

// ErrNoInterface is the fault of an interface that is not there.
var ErrNoInterface = errors.New("no such interface")

// Interfaces finds the interfaces of outputs in the network namespace of the
// calling thread, by one list of all that there are. Those that are not there
// are in faults.
func Interfaces(devices map[uint16]string) (found map[uint16]*net.Interface, faults Faults, err error) {
	found, faults = make(map[uint16]*net.Interface, len(devices)), make(Faults)
	if len(devices) == 0 {
		return found, faults, nil
	}
	list, err := net.Interfaces()
	if err != nil {
		return nil, nil, err
	}
	byName := make(map[string]*net.Interface, len(list))
	for i := range list {
		byName[list[i].Name] = &list[i]
	}
	for output, name := range devices {
		if device, ok := byName[name]; ok {
			found[output] = device
		} else {
			faults[name] = ErrNoInterface
		}
	}
	return found, faults, nil
}

// Interface finds one interface; the error is [ErrNoInterface] if it is not
// there.
func Interface(name string) (*net.Interface, error) {
	found, faults, err := Interfaces(map[uint16]string{0: name})
	if err == nil {
		err = faults[name]
	}
	return found[0], err
}
