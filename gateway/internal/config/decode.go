package config

import (
	"encoding/json"
	"strconv"
	"time"
)

// fields gives each field of an object to the function of its name.
func (v value) fields(known map[string]func(value) error) error {
	o, ok := v.data.(object)
	if !ok {
		return v.errorf("an object is needed, not %s", v.kind())
	}
	for _, f := range o {
		decode, ok := known[f.name]
		if !ok {
			return &Error{File: v.file, Line: f.line, Reason: "unknown field " + strconv.Quote(cut(f.name))}
		}
		if err := decode(f.value); err != nil {
			return err
		}
	}
	return nil
}

// require reports the first of the fields that an object lacks.
func (v value) require(names ...string) error {
	for _, name := range names {
		if _, ok := v.get(name); !ok {
			return v.errorf("%q is missing", name)
		}
	}
	return nil
}

// get returns a field of an object.
func (v value) get(name string) (value, bool) {
	o, _ := v.data.(object)
	for _, f := range o {
		if f.name == name {
			return f.value, true
		}
	}
	return v, false
}

// at returns the field of an object, or where it does not have it, the object:
// the place to blame.
func (v value) at(name string) value {
	f, _ := v.get(name)
	return f
}

// items returns the values of a list.
func (v value) items() ([]value, error) {
	list, ok := v.data.([]value)
	if !ok {
		return nil, v.errorf("a list is needed, not %s", v.kind())
	}
	return list, nil
}

// oneOrMore returns the values of a list, or a value that is none as the only
// one.
func (v value) oneOrMore() ([]value, error) {
	list, ok := v.data.([]value)
	if !ok {
		return []value{v}, nil
	}
	if len(list) == 0 {
		return nil, v.errorf("the list is empty")
	}
	return list, nil
}

func (v value) text() (string, error) {
	s, ok := v.data.(string)
	if !ok {
		return "", v.errorf("a string is needed, not %s", v.kind())
	}
	if s == "" {
		return "", v.errorf("the string is empty")
	}
	return s, nil
}

// number returns a whole number from least to most.
func (v value) number(least, most uint64) (uint64, error) {
	n, ok := v.data.(json.Number)
	if !ok {
		return 0, v.errorf("a number is needed, not %s", v.kind())
	}
	u, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil || u < least || u > most {
		return 0, v.errorf("a whole number from %d to %d is needed, not %s", least, most, n)
	}
	return u, nil
}

// span returns a length of time from least to most.
func (v value) span(least, most time.Duration) (time.Duration, error) {
	s, err := v.text()
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < least || d > most {
		return 0, v.errorf("a time from %s to %s is needed, such as \"30s\", not %q", least, most, s)
	}
	return d, nil
}

func textInto(to *string) func(value) error {
	return func(v value) (err error) {
		*to, err = v.text()
		return err
	}
}

func numberInto[T int | uint32 | uint64](to *T, least, most uint64) func(value) error {
	return func(v value) error {
		n, err := v.number(least, most)
		*to = T(n)
		return err
	}
}

func boolInto(to *bool) func(value) error {
	return func(v value) error {
		b, ok := v.data.(bool)
		if !ok {
			return v.errorf("true or false is needed, not %s", v.kind())
		}
		*to = b
		return nil
	}
}

func spanInto(to *time.Duration, least, most time.Duration) func(value) error {
	return func(v value) (err error) {
		*to, err = v.span(least, most)
		return err
	}
}
