package control

import (
	"fmt"
	"net/url"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// maxDeadline is the longest that a drain can be given.
const maxDeadline = 365 * 24 * time.Hour

// endOf reads when a drain that begins now is to end.
func endOf(given url.Values, now time.Time) (end services.Until, err error) {
	for name, values := range given {
		to := &end.Deadline
		switch name {
		case "deadline":
		case "udp":
			to = &end.UDP
		default:
			return end, fmt.Errorf("no parameter %s: they are deadline and udp", name)
		}
		d, err := time.ParseDuration(values[0])
		if err != nil || d < 0 || d > maxDeadline || len(values) > 1 {
			return end, fmt.Errorf("%s: a time from 0s to %s is needed, such as 10m, not %q", name, maxDeadline, values)
		}
		*to = now.Add(d)
	}
	return end, nil
}
