package plane

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrNotLinux is the error of planes that only Linux has.
var ErrNotLinux = errors.New("needs Linux")

// A ConfigError names the setting that a plane can't be made of.
type ConfigError struct {
	Field  string // of Config or Service
	Value  any
	Reason string
}

// Error says what is wrong.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("plane: %s %v: %s", e.Field, e.Value, e.Reason)
}

// A DeviceError names the interface that a plane can't use.
type DeviceError struct {
	Device string
	Err    error
}

// Error says what is wrong.
func (e *DeviceError) Error() string { return fmt.Sprintf("plane: interface %s: %v", e.Device, e.Err) }

// Unwrap returns e.Err.
func (e *DeviceError) Unwrap() error { return e.Err }

// Faults are the interfaces that a plane can't send by, with the reasons.
type Faults map[string]error

// Err returns the faults as one error, a [*DeviceError] for each in the order
// of their names; nil if there are none.
func (f Faults) Err() error {
	var err error
	for _, device := range slices.Sorted(maps.Keys(f)) {
		err = errors.Join(err, &DeviceError{device, f[device]})
	}
	return err
}

// Check returns a *ConfigError if no plane can be made of c.
func (c *Config) Check() error {
	if len(c.In) == 0 {
		return &ConfigError{"In", c.In, "there is no interface to receive from"}
	}
	seen := make(map[string]bool, len(c.In))
	for _, name := range c.In {
		if seen[name] {
			return &ConfigError{"In", name, "is given twice"}
		}
		seen[name] = true
	}
	if c.Workers < 0 {
		return &ConfigError{"Workers", c.Workers, "is negative"}
	}
	if c.Sticky != nil && c.Domain == nil {
		return &ConfigError{"Domain", c.Domain, "stickiness needs the domain of the groups"}
	}
	return nil
}
