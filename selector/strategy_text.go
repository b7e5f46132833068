package selector

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// strategies returns those of this package, which [ParseStrategy] knows.
func strategies() []Strategy {
	return []Strategy{
		Modulo{}, Threshold{}, Rendezvous{}, Maglev{}, Bounded{}, Jump{}, Ring{}, MultiProbe{}, Resilient{},
		Anchor{}, Memento{},
	}
}

// ParseStrategy returns the strategy of this package that a text names, for
// flags and configuration files:
//
//	bounded
//	bounded:slots=4096,slack=0.02,seed=7
//	modulo:keep-order
//
// A name is that of the type and a parameter that of its field, both in lower
// case. Parameters are unsigned decimal numbers and may come in any order;
// those left out have their defaults. KeepOrder is "keep-order", without a
// value. A [Slack] is a share, in thousandths at the finest, such as "0.02", or
// "unlimited"; "0" is [NoSlack].
//
// The String method of a strategy returns this form, and ParseStrategy of it
// the same value. The error is a [*StrategyError]. What a strategy refuses of
// its parameters it says when it builds.
func ParseStrategy(text string) (Strategy, error) {
	name, parameters, more := strings.Cut(text, ":")
	known := strategies()
	i := slices.IndexFunc(known, func(s Strategy) bool { return strategyName(s) == name })
	if i < 0 {
		var names []string
		for _, s := range known {
			names = append(names, strategyName(s))
		}
		return nil, &StrategyError{Text: text, Part: name, Reason: "is none of " + strings.Join(names, ", ")}
	}
	if !more {
		return known[i], nil
	}
	v := reflect.New(reflect.TypeOf(known[i])).Elem()
	seen := make([]bool, v.NumField())
	for part := range strings.SplitSeq(parameters, ",") {
		if reason := setParameter(v, seen, part); reason != "" {
			return nil, &StrategyError{Text: text, Part: part, Reason: reason}
		}
	}
	return v.Interface().(Strategy), nil
}

// setParameter sets a field of a strategy that has not been seen yet. It
// returns what is wrong.
func setParameter(v reflect.Value, seen []bool, part string) (reason string) {
	key, value, valued := strings.Cut(part, "=")
	for i := range v.NumField() {
		if parameterName(v, i) != key {
			continue
		}
		if seen[i] {
			return "is there twice"
		}
		seen[i] = true
		switch f := v.Field(i); {
		case f.Kind() == reflect.Bool:
			if valued {
				return "takes no value"
			}
			f.SetBool(true)
		case f.Type() == reflect.TypeFor[Slack]():
			slack, ok := parseSlack(value)
			if !ok {
				return "is no share in thousandths"
			}
			f.SetUint(uint64(slack))
		default:
			n, err := strconv.ParseUint(value, 10, f.Type().Bits())
			if err != nil {
				return "is no number of " + strconv.Itoa(f.Type().Bits()) + " bits"
			}
			f.SetUint(n)
		}
		return ""
	}
	return "is no parameter of " + strategyName(v.Interface())
}

// strategyText is the String method of every strategy.
func strategyText(s Strategy) string {
	text, v, separator := strategyName(s), reflect.ValueOf(s), ":"
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() {
			continue
		}
		text += separator + parameterName(v, i)
		separator = ","
		if f.Kind() != reflect.Bool {
			text += "=" + fmt.Sprint(f)
		}
	}
	return text
}

func strategyName(s any) string { return strings.ToLower(reflect.TypeOf(s).Name()) }

// parameterName returns the name of a field as it is written in a text.
func parameterName(v reflect.Value, i int) string {
	if name := v.Type().Field(i).Name; name != "KeepOrder" {
		return strings.ToLower(name)
	}
	return "keep-order"
}

// String returns the slack as a share, such as "0.05", or "unlimited".
func (s Slack) String() string {
	if s == UnlimitedSlack {
		return "unlimited"
	}
	t := s.thousandths()
	text := fmt.Sprintf("%d.%03d", t/1000, t%1000)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// parseSlack reads what String prints. Whole numbers of thousandths come out
// exactly, since nothing here is floating point.
func parseSlack(text string) (Slack, bool) {
	if text == "unlimited" {
		return UnlimitedSlack, true
	}
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > 3 || strings.HasSuffix(text, ".") {
		return 0, false
	}
	ones, err := strconv.ParseUint(whole, 10, 32)
	if err != nil {
		return 0, false
	}
	thousandths, err := strconv.ParseUint((part + "000")[:3], 10, 16)
	if err != nil {
		return 0, false
	}
	switch t := ones*1000 + thousandths; {
	case t == 0:
		return NoSlack, true
	case t >= uint64(UnlimitedSlack):
		return 0, false
	default:
		return Slack(t), true
	}
}

// A StrategyError says what [ParseStrategy] does not understand.
type StrategyError struct {
	Text   string // what was to be parsed
	Part   string // the name or the parameter at fault
	Reason string // what is wrong with it
}

func (e *StrategyError) Error() string {
	if strings.HasPrefix(e.Reason, "is none of") {
		return fmt.Sprintf("selector: strategy %q %s", e.Part, e.Reason)
	}
	return fmt.Sprintf("selector: strategy %q: %q %s", e.Text, e.Part, e.Reason)
}
