package joined

import (
	"encoding/json"
	"fmt"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// encode returns a member as the log has it. Its data is what a configuration
// says of it, with the weight that it has, or had before it was drained.
func encode(m config.Member, drained uint32) (cluster.Member, error) {
	e := cluster.Member{ID: m.ID, Weight: m.Weight, Backup: m.Backup, Incarnation: m.Incarnation}
	if m.Weight == 0 {
		m.Weight = drained
	}
	data, err := json.Marshal(m)
	e.Data = string(data)
	return e, err
}

func encodeAll(members []config.Member, drained map[string]uint32) ([]cluster.Member, error) {
	list := make([]cluster.Member, len(members))
	for i, m := range members {
		var err error
		if list[i], err = encode(m, drained[m.ID]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// decode returns members of the log, and the weights that the drained ones had
// before.
func decode(members []cluster.Member) (list []config.Member, drained map[string]uint32, err error) {
	list, drained = make([]config.Member, len(members)), make(map[string]uint32)
	for i, e := range members {
		change, err := config.ParseMemberChange([]byte(e.Data))
		var m config.Member
		if err == nil {
			m, err = change.Of(e.ID, nil)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("member %q of the log: %w", e.ID, err)
		}
		if e.Weight == 0 && m.Weight > 0 {
			drained[e.ID] = m.Weight
		}
		m.Weight, m.Backup, m.Incarnation = e.Weight, e.Backup, e.Incarnation
		list[i] = m
	}
	return list, drained, nil
}
