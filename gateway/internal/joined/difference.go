package joined

import (
	"fmt"
	"strings"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// mostDifferences is how many are told.
const mostDifferences = 50

// differences says in what the members and strategies that are in force are not
// those of the configuration. A drain is no difference.
func (c *Cluster) differences() (list []string) {
	c.mu.Lock()
	joined := make(map[string]string, len(c.groups)) // the strategies in force
	for name, g := range c.groups {
		if g.membership != nil {
			state, _ := g.membership.State()
			joined[name] = state.Strategy
		}
	}
	c.mu.Unlock()
	for _, s := range c.services() {
		strategy, ok := joined[s.Name]
		if !ok {
			continue
		}
		if here := fmt.Sprint(s.Strategy); here != strategy {
			list = append(list, fmt.Sprintf("service %s: placed by %s in the cluster, by %s in the configuration",
				s.Name,
				strategy, here))
		}
		members, err := c.Services.Members(s.Name)
		if err != nil {
			continue
		}
		list = append(list, differ(s.Name, s.Members, members)...)
	}
	if more := len(list) - mostDifferences; more > 0 {
		list = append(list[:mostDifferences], fmt.Sprintf("and %d more", more))
	}
	return list
}

// differ compares members of a configuration with those in force.
func differ(service string, configured, now []config.Member) (list []string) {
	say := func(id, format string, args ...any) {
		list = append(list, fmt.Sprintf("service %s: %s "+format, append([]any{service, id}, args...)...))
	}
	there := make(map[string]config.Member, len(now))
	for _, m := range now {
		there[m.ID] = m
	}
	for _, m := range configured {
		is, ok := there[m.ID]
		delete(there, m.ID)
		switch {
		case !ok:
			say(m.ID, "is in the configuration, and not in the cluster")
		case is.Weight != m.Weight && is.Weight > 0:
			say(m.ID, "weighs %d in the cluster, %d in the configuration", is.Weight, m.Weight)
		case is.Backup != m.Backup:
			say(m.ID, "is a backup in one of the cluster and the configuration")
		}
	}
	for _, m := range now {
		if _, ok := there[m.ID]; ok {
			say(m.ID, "is in the cluster, and not in the configuration")
		}
	}
	return list
}

// tellDifferences logs them, if they are others than before.
func (c *Cluster) tellDifferences() {
	text := strings.Join(c.differences(), "; ")
	c.mu.Lock()
	was := c.told
	c.told = text
	c.mu.Unlock()
	switch text {
	case was:
	case "":
		c.Log.Info("cluster: the configuration has the members of the cluster")
	default:
		c.Log.Info("cluster: the configuration is not what is in force", "differences", text)
	}
}
