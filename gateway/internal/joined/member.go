package joined

import (
	"encoding/json"
	"fmt"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// encode returns a member as the log has it. Its data is what a configuration
// says of it, with the weight that it has, or had before it was drained; and
// "drain", which says who drained it, until when, and what of it has ended.
func encode(m config.Member, drained uint32, drains map[string]services.Drain) (cluster.Member, error) {
	e := cluster.Member{ID: m.ID, Weight: m.Weight, Backup: m.Backup, Incarnation: m.Incarnation}
	if m.Weight == 0 {
		m.Weight = drained
	}
	data, err := json.Marshal(m)
	if drain, ok := drains[m.ID]; err == nil && ok && e.Weight == 0 {
		data, err = withDrain(data, drain)
	}
	e.Data = string(data)
	return e, err
}

// withDrain adds a drain to the data of a member, with its fields in order, so
// that what is written again as it was is no change. How many flows there were
// is each gateway's own.
func withDrain(data []byte, d services.Drain) ([]byte, error) {
	d.Flows = 0
	fields := make(map[string]json.RawMessage)
	err := json.Unmarshal(data, &fields)
	if err == nil {
		fields["drain"], err = json.Marshal(d)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// cutDrain takes the drain out of the data of a drained member; nil if it has
// none, as those that an older gateway or a configuration drained.
func cutDrain(data []byte) ([]byte, *services.Drain, error) {
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, nil, err
	}
	text, ok := fields["drain"]
	if !ok {
		return data, nil, nil
	}
	var d services.Drain
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, nil, fmt.Errorf("drain: %w", err)
	}
	delete(fields, "drain")
	data, err := json.Marshal(fields)
	return data, &d, err
}

func encodeAll(members []config.Member, drained map[string]uint32, drains map[string]services.Drain) (
	[]cluster.Member, error,
) {
	list := make([]cluster.Member, len(members))
	for i, m := range members {
		var err error
		if list[i], err = encode(m, drained[m.ID], drains); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// decode returns members of the log, with what it says of the drained ones.
func decode(members []cluster.Member) (services.Logged, error) {
	l := services.Logged{
		Members: make([]config.Member, len(members)), Drained: make(map[string]uint32),
		Drains: make(map[string]services.Drain),
	}
	for i, e := range members {
		m, drain, err := decodeData(e)
		if err != nil {
			return services.Logged{}, fmt.Errorf("member %q of the log: %w", e.ID, err)
		}
		if drain != nil {
			l.Drains[e.ID] = *drain
		}
		if e.Weight == 0 && m.Weight > 0 {
			l.Drained[e.ID] = m.Weight
		}
		m.Weight, m.Backup, m.Incarnation = e.Weight, e.Backup, e.Incarnation
		l.Members[i] = m
	}
	return l, nil
}

// decodeData returns what the data of a member says.
func decodeData(e cluster.Member) (m config.Member, drain *services.Drain, err error) {
	data := []byte(e.Data)
	if e.Weight == 0 {
		if data, drain, err = cutDrain(data); err != nil {
			return m, nil, err
		}
	}
	change, err := config.ParseMemberChange(data)
	if err == nil {
		m, err = change.Of(e.ID, nil)
	}
	return m, drain, err
}
