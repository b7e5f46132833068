package cluster

import (
	"slices"
	"strconv"
	"strings"
)

// settings is what gateways must have in common, beside the seed.
type settings struct {
	Policy  string   `json:"policy"` // masked
	Buckets int      `json:"buckets"`
	Form    int      `json:"form"`
	Classes []string `json:"classes,omitempty"`
}

func settingsOf(c *Config, k keys) settings {
	s := settings{Policy: k.mask("policy", c.Policy), Buckets: c.Layout.Buckets, Form: c.Layout.Form}
	for _, class := range c.Classes {
		text := class.Name + " " + class.Idle.String()
		if class.Sure {
			text += " sure"
		}
		s.Classes = append(s.Classes, text)
	}
	return s
}

// differ returns the first field in which a gateway's settings differ from
// those here.
func (s settings) differ(gateway string, there settings) error {
	e := &RefusedError{Gateway: gateway}
	switch {
	case s.Policy != there.Policy:
		e.Field = FieldPolicy
	case s.Buckets != there.Buckets:
		e.Field, e.Here, e.There = FieldBuckets, strconv.Itoa(s.Buckets), strconv.Itoa(there.Buckets)
	case s.Form != there.Form:
		e.Field, e.Here, e.There = FieldForm, strconv.Itoa(s.Form), strconv.Itoa(there.Form)
	case !slices.Equal(s.Classes, there.Classes):
		e.Field, e.Here, e.There = FieldClasses, classText(s.Classes), classText(there.Classes)
	default:
		return nil
	}
	return e
}

func classText(classes []string) string {
	if len(classes) == 0 {
		return "none"
	}
	return strings.Join(classes, ", ")
}
