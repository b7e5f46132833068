package config

import "github.com/ecmp-go/ecmp/examples/forwarder/placement"

// keyInto reads what makes packets one flow.
func keyInto(to *placement.Key) func(value) error {
	return func(v value) error {
		text, err := v.text()
		if err != nil {
			return err
		}
		if *to, err = placement.ParseKey(text); err != nil {
			return v.errorf("%v", err)
		}
		return nil
	}
}

// checkKey checks that the data plane can tell flows apart as a service asks,
// and that services which share flows do it alike.
func (c *Config) checkKey(s *Service, scopes map[string]*Service) error {
	if err := c.Plane.CheckKey(s.Name, s.Key); err != nil {
		at := s.value.at("key")
		return &Error{File: at.file, Line: at.line, Reason: err.Error(), Err: err}
	}
	if s.Scope == "" {
		return nil
	}
	if other := scopes[s.Scope]; other != nil && other.Key != s.Key {
		return s.value.at("scope").errorf("service %q tells flows apart by %s, and service %q of the same scope by %s",
			s.Name, s.Key, other.Name, other.Key)
	}
	scopes[s.Scope] = s
	return nil
}
